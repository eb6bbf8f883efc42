"""Signing out: the question, the answer, and where one stands when there is nowhere to go."""

from __future__ import annotations

from auth_server.interaction.logout import SignOut, SignOuts
from auth_server.interaction.step_page import REQUEST
from auth_server.interaction.words import ShownPerson, shown_client
from auth_server.protocol.form import Form
from auth_server.store.accounts import Account
from auth_server.store.sessions import Session
from auth_server.store.store import Store
from auth_server.web.browser import SESSION_COOKIE, Browser
from auth_server.web.page_door import PageDoor, see_other
from auth_server.web.page_kit import PageKit
from auth_server.web.request import Request
from auth_server.web.responses import Response


class SignOutPage(PageDoor):
    """`/sign-out?request=ID`: which session, here or everywhere, and a way back."""

    path = "/sign-out"
    about = (REQUEST,)

    def __init__(self, kit: PageKit, sign_outs: SignOuts, *, store: Store, session_lifetime: float) -> None:
        super().__init__(kit)
        self._sign_outs = sign_outs
        self._store = store
        self._session_lifetime = round(session_lifetime)

    async def show(self, request: Request, browser: Browser) -> Response:
        """Ask."""
        asked = await self._sign_outs.find(request.parameters().required(REQUEST), browser)
        visit = self._kit.before_sign_in(request, browser, about=self.about)
        words = visit.words
        meant = _meant(asked)
        now = self._store.clock.now()
        return self._kit.pages.render(
            visit,
            "logout.html",
            words.text("logout.title"),
            may_end_at=() if asked.form_action is None else (asked.form_action,),
            client=None if asked.client is None else shown_client(asked.client, words),
            people=[(ShownPerson.of(account), words.ago(now - session.auth_time)) for session, account in meant],
            **self._kit.promises.in_words(words),
        )

    async def take(self, request: Request, browser: Browser, form: Form) -> Response:
        """Do what the person said."""
        logout_id = request.parameters().required(REQUEST)
        asked = await self._sign_outs.find(logout_id, browser)
        action = form.optional("action")
        if action == "stay":
            return see_other("/signed-in")
        if action not in ("sign_out", "everywhere"):
            return see_other(f"{self.path}?{REQUEST}={logout_id}")
        done = await self._sign_outs.confirm(
            logout_id, browser, request.facts, sid=asked.hinted_sid, everywhere=action == "everywhere"
        )
        cookie = self._kit.jar.set(SESSION_COOKIE, done.cookie or "", self._session_lifetime if done.cookie else 0)
        return see_other(done.location, cookies=(cookie,), outcome="signed_out")


def _meant(asked: SignOut) -> list[tuple[Session, Account]]:
    """Return who would be signed out: whom the client means, else everybody in this browser."""
    hinted = [pair for pair in asked.people if pair[0].sid == asked.hinted_sid]
    return hinted or list(asked.people)
