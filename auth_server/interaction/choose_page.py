"""The choice between several accounts that are signed in in one browser."""

from __future__ import annotations

from dataclasses import dataclass

from auth_server.interaction.interaction import Interaction
from auth_server.interaction.login_page import LAPSED, SignInTools
from auth_server.interaction.service import Interactions
from auth_server.interaction.step_page import ACCOUNT, StepPage, may_end_at, session_cookie, with_request
from auth_server.interaction.words import ShownPerson
from auth_server.protocol.errors import PageError
from auth_server.protocol.form import Form
from auth_server.store.accounts import Account
from auth_server.store.sessions import Session
from auth_server.web.browser import Browser, CookieChange
from auth_server.web.page_door import see_other
from auth_server.web.page_kit import PageKit
from auth_server.web.request import Request
from auth_server.web.responses import Response
from auth_server.web.visit import Visit


@dataclass(frozen=True, slots=True)
class Entry:
    """One account of the chooser. `key` names its session; `live` False for one that is over."""

    person: ShownPerson
    key: str
    live: bool
    when: str


class ChoosePage(StepPage):
    """`/login/accounts`: which of the accounts that are signed in in this browser goes on."""

    path = "/login/accounts"

    def __init__(self, kit: PageKit, interactions: Interactions, tools: SignInTools) -> None:
        super().__init__(kit, interactions)
        self._tools = tools

    async def show(self, request: Request, browser: Browser) -> Response:
        """Show the accounts."""
        interaction = await self.interaction(request, browser)
        if interaction is None:
            return see_other(ACCOUNT)
        visit = self.visit(request, browser, interaction)
        entries = [self._entry(visit, person.session, person.account, live=True) for person in interaction.people]
        shown = {person.account.sub for person in interaction.people}
        for session in await self._tools.sessions.lapsed_in_browser(browser.session):
            account = await self._tools.store.read(lambda tx, sub=session.sub: tx.accounts.find(sub))  # type: ignore[misc]
            if account is not None and account.sub not in shown:
                shown.add(account.sub)
                entries.append(self._entry(visit, session, account, live=False))
        if not entries:
            return see_other(with_request("/login", interaction))
        return self._kit.pages.render(
            visit,
            "choose.html",
            visit.words.text("choose.title"),
            may_end_at=may_end_at(interaction),
            client=self.client(visit, interaction),
            entries=entries,
            another_link=with_request("/login", interaction),
        )

    async def take(self, request: Request, browser: Browser, form: Form) -> Response:
        """Go on with an account, or sign one out here."""
        interaction = await self.interaction(request, browser)
        sid = form.optional("account")
        if interaction is None or sid is None:
            raise PageError("no account was chosen")
        lapsed = {session.sid for session in await self._tools.sessions.lapsed_in_browser(browser.session)}
        if form.optional("action") == "forget":
            return await self._forget(request, browser, interaction, sid, lapsed)
        if sid in lapsed:
            return see_other(f"{with_request('/login', interaction)}&{LAPSED}={sid}")
        await self._interactions.choose(interaction.id, browser, sid)
        return see_other(interaction.resume_path)

    async def _forget(self, request: Request, browser: Browser, interaction: Interaction, sid: str, lapsed: set[str]) -> Response:
        back = with_request(self.path, interaction)
        if sid in lapsed:
            await self._tools.sessions.end(sid, "signed_out", facts=request.facts)
            return see_other(back)
        change = CookieChange.of(browser.session)
        if browser.session is None or not await self._tools.sessions.leave(browser.session, sid, change, facts=request.facts):
            raise PageError("this browser holds no such session")
        return see_other(back, cookies=(session_cookie(self._kit, change, self._tools.session_lifetime),))

    def _entry(self, visit: Visit, session: Session, account: Account, *, live: bool) -> Entry:
        seconds = self._tools.store.clock.now() - session.auth_time
        return Entry(ShownPerson.of(account), session.sid, live, visit.words.ago(seconds))
