"""Verifying a mail address: the page that says a letter is on its way, and the pages that links in letters lead to."""

from __future__ import annotations

from typing import ClassVar, Final

from auth_server.accounts.letters import TICKET_PARAMETER
from auth_server.accounts.tickets import LIFETIME_SECONDS, Purpose
from auth_server.accounts.verification import Confirmed, Verification
from auth_server.interaction.destinations import sign_in_for
from auth_server.interaction.login_page import newest_account
from auth_server.interaction.recovery_page import useless_link
from auth_server.interaction.service import Interactions
from auth_server.interaction.step_page import ACCOUNT, StepPage, with_request
from auth_server.protocol.form import Form
from auth_server.sessions.service import Sessions
from auth_server.store.store import Store
from auth_server.store.tickets import StoredTicket
from auth_server.web.browser import Browser
from auth_server.web.page_door import see_other
from auth_server.web.page_kit import PageKit
from auth_server.web.request import Request
from auth_server.web.responses import Response
from auth_server.web.visit import Visit

_DONE: Final = {
    Confirmed.DONE: ("verify.done", "good"),
    Confirmed.HALF: ("verify.half", "mail"),
    Confirmed.TAKEN: ("verify.taken", "warn"),
}


class VerificationSentPage(StepPage):
    """`/verify-email/sent`: after signing up. The letter can be sent again; the request that somebody came with goes on without it."""

    path = "/verify-email/sent"

    def __init__(
        self, kit: PageKit, interactions: Interactions, verification: Verification, *, store: Store, sessions: Sessions
    ) -> None:
        super().__init__(kit, interactions)
        self._verification = verification
        self._store = store
        self._sessions = sessions

    async def show(self, request: Request, browser: Browser) -> Response:
        """Say that a letter is on its way."""
        return await self._page(request, browser)

    async def take(self, request: Request, browser: Browser, form: Form) -> Response:
        """Send it again."""
        account = await newest_account(self._store, self._sessions, browser)
        if account is None:
            return see_other(sign_in_for("account"))
        interaction = await self.interaction(request, browser)
        language = self.visit(request, browser, interaction).words.language
        request_id = None if interaction is None else interaction.id
        await self._verification.ask_again(account.sub, request.facts, language=language, interaction=request_id)
        return await self._page(request, browser, notice="sent.again")

    async def _page(self, request: Request, browser: Browser, notice: str | None = None) -> Response:
        interaction = await self.interaction(request, browser)
        visit = self.visit(request, browser, interaction)
        words = visit.words
        lifetime = words.duration(LIFETIME_SECONDS[Purpose.VERIFY_EMAIL])
        return self._kit.pages.render(
            visit,
            "sent.html",
            words.text("sent.title"),
            notice=notice and words.text(notice),
            paragraphs=(words.text("sent.verify"), words.text("sent.verify.spam", duration=lifetime)),
            can_resend=True,
            link="/signed-in" if interaction is None else interaction.resume_path,
            link_text=words.text("sent.verify.continue"),
        )


class VerificationPage(StepPage):
    """`/verify-email?ticket=…`. Opening it verifies nothing; the button does."""

    path = "/verify-email"
    about: ClassVar[tuple[str, ...]] = (TICKET_PARAMETER,)
    purpose = Purpose.VERIFY_EMAIL

    def __init__(self, kit: PageKit, interactions: Interactions, verification: Verification) -> None:
        super().__init__(kit, interactions)
        self._verification = verification

    async def show(self, request: Request, browser: Browser) -> Response:
        """Show the button."""
        visit = self.visit(request, browser, None)
        words = visit.words
        ticket = await self._verification.find(request.parameters().optional(TICKET_PARAMETER), self.purpose)
        if ticket is None or not ticket.is_live:
            return self._useless(visit, ticket)
        return self._kit.pages.render(
            visit,
            "press.html",
            words.text("verify.title"),
            is_own_window=True,
            paragraphs=(words.text("verify.lead", email=ticket.address),),
            submit=words.text("verify.submit"),
        )

    async def take(self, request: Request, browser: Browser, form: Form) -> Response:
        """Verify the address."""
        visit = self.visit(request, browser, None)
        token = request.parameters().optional(TICKET_PARAMETER)
        ticket = await self._verification.find(token, self.purpose)
        outcome = await self._verification.confirm(token, self.purpose, request.facts)
        if outcome is Confirmed.INVALID or ticket is None:
            return self._useless(visit, ticket)
        message, sign = _DONE[outcome]
        words = visit.words
        waiting = await self.waiting(ticket.interaction, browser)
        return self._kit.pages.render(
            visit,
            "message.html",
            words.text(f"{message}.title"),
            outcome=outcome.value,
            sign=sign,
            paragraphs=(words.text(f"{message}.lead"),),
            link=ACCOUNT if waiting is None else with_request("/authorize", waiting),
            link_text=words.text("continue"),
        )

    def _useless(self, visit: Visit, ticket: StoredTicket | None) -> Response:
        return useless_link(self._kit, visit, ticket, link=ACCOUNT, link_text="error.account")


class NewAddressPage(VerificationPage):
    """`/verify-email/new?ticket=…`: a change of address, at the new one."""

    path = "/verify-email/new"
    purpose = Purpose.EMAIL_NEW


class OldAddressPage(VerificationPage):
    """`/verify-email/old?ticket=…`: a change of address, at the old one."""

    path = "/verify-email/old"
    purpose = Purpose.EMAIL_OLD
