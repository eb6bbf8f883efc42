"""A link for a forgotten password, or for an account that somebody else got at: open it, choose a new password."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

from auth_server.accounts.letters import TICKET_PARAMETER
from auth_server.accounts.passwords import MIN_LENGTH
from auth_server.accounts.recovery import Recovery
from auth_server.accounts.tickets import Purpose
from auth_server.interaction.service import Interactions
from auth_server.interaction.step_page import StepPage, with_request
from auth_server.interaction.words import ShownPerson, reasons_in_words
from auth_server.protocol.errors import ApiError
from auth_server.protocol.form import Form
from auth_server.store.accounts import Account
from auth_server.store.tickets import StoredTicket
from auth_server.web.browser import Browser
from auth_server.web.page_door import see_other
from auth_server.web.page_kit import PageKit
from auth_server.web.request import Request
from auth_server.web.responses import Response
from auth_server.web.visit import Visit


class RecoveryPage(StepPage):
    """What pages about a lost password share."""

    def __init__(self, kit: PageKit, interactions: Interactions, recovery: Recovery) -> None:
        super().__init__(kit, interactions)
        self._recovery = recovery


class TicketPage(RecoveryPage):
    """A page that a link in a letter leads to. Opening it uses nothing: mail filters open every link."""

    about: ClassVar[tuple[str, ...]] = (TICKET_PARAMETER,)
    purpose: Purpose

    async def show(self, request: Request, browser: Browser) -> Response:
        """Show the form, or why the link is no longer good."""
        found = await self._recovery.find(self._token(request), self.purpose)
        visit = self.visit(request, browser, None)
        if found is None or not found[0].is_live:
            return self._useless(visit, found)
        return self.form(visit, found[1])

    @abstractmethod
    def form(self, visit: Visit, account: Account, **more: Any) -> Response:
        """Return the page with its form; `more` is for `render`."""

    def _token(self, request: Request) -> str | None:
        return request.parameters().optional(TICKET_PARAMETER)

    def _useless(self, visit: Visit, found: tuple[StoredTicket, Account] | None) -> Response:
        ticket = None if found is None else found[0]
        return useless_link(self._kit, visit, ticket, link="/forgot-password", link_text="forgot.title")


class ResetPage(TicketPage):
    """`/reset-password?ticket=…`."""

    path = "/reset-password"
    purpose = Purpose.RESET_PASSWORD

    async def take(self, request: Request, browser: Browser, form: Form) -> Response:
        """Set the password."""
        visit = self.visit(request, browser, None)
        words, token, password = visit.words, self._token(request), form.optional("password")
        found = await self._recovery.find(token, self.purpose)
        if found is None or not found[0].is_live:
            return self._useless(visit, found)
        if not password:
            return self.form(visit, found[1], errors={"password": words.text("password.missing")}, status=422)
        try:
            ticket = await self._recovery.reset(token, password, request.facts)
        except ApiError as error:
            if error.error != "weak_password":
                raise
            errors = {"password": words.text("password.weak")}
            return self.form(visit, found[1], errors=errors, reasons=reasons_in_words(words, error), status=422)
        if ticket is None:
            return self._useless(visit, found)
        waiting = await self.waiting(ticket.interaction, browser)
        return see_other(with_request("/reset-password/done", waiting), outcome="password_changed")

    def form(self, visit: Visit, account: Account, **more: Any) -> Response:
        return self._kit.pages.render(
            visit,
            "reset.html",
            visit.words.text("reset.title"),
            is_own_window=True,
            lead=visit.words.text("reset.lead"),
            person=ShownPerson.of(account),
            min_length=MIN_LENGTH,
            **more,
        )


class ResetDonePage(RecoveryPage):
    """`/reset-password/done`."""

    path = "/reset-password/done"
    methods = ("GET",)

    async def show(self, request: Request, browser: Browser) -> Response:
        """Say that it was done, how soon it holds, and where to sign in."""
        interaction = await self.interaction(request, browser)
        visit = self.visit(request, browser, interaction)
        words = visit.words
        return self._kit.pages.render(
            visit,
            "message.html",
            words.text("reset.done.title"),
            sign="good",
            paragraphs=(words.text("reset.done.lead", **self._kit.promises.in_words(words)),),
            link=with_request("/login", interaction),
            link_text=words.text("reset.done.sign_in"),
        )


class SecurePage(TicketPage):
    """`/secure-account?ticket=…`: "this was not me"."""

    path = "/secure-account"
    purpose = Purpose.NOT_ME

    async def take(self, request: Request, browser: Browser, form: Form) -> Response:
        """End everything, and lead to a new password."""
        token = await self._recovery.secure(self._token(request), request.facts)
        if token is None:
            found = await self._recovery.find(self._token(request), self.purpose)
            return self._useless(self.visit(request, browser, None), found)
        return see_other(f"/reset-password?{TICKET_PARAMETER}={token}", outcome="account_secured")

    def form(self, visit: Visit, account: Account, **more: Any) -> Response:
        words = visit.words
        return self._kit.pages.render(
            visit,
            "press.html",
            words.text("not_me.title"),
            is_own_window=True,
            paragraphs=(words.text("not_me.lead"),),
            person=ShownPerson.of(account),
            submit=words.text("not_me.submit"),
            **more,
        )


def useless_link(kit: PageKit, visit: Visit, ticket: StoredTicket | None, *, link: str, link_text: str) -> Response:
    """Return the page of a link that was used, or is not good any more."""
    words = visit.words
    why = "used" if ticket is not None and ticket.is_used else "expired"
    return kit.pages.render(
        visit,
        "message.html",
        words.text(f"link.{why}.title"),
        status=400,
        outcome=f"link_{why}",
        sign="warn",
        paragraphs=(words.text(f"link.{why}.lead"),),
        link=link,
        link_text=words.text(link_text),
    )
