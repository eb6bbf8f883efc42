"""A forgotten password, and an account that somebody else got at: ask for a link, open it, choose a new password."""

from __future__ import annotations

from typing import ClassVar

from auth_server.accounts.letters import TICKET_PARAMETER
from auth_server.accounts.passwords import MIN_LENGTH
from auth_server.accounts.recovery import Recovery
from auth_server.accounts.tickets import LIFETIME_SECONDS, Purpose
from auth_server.interaction.interaction import Interaction
from auth_server.interaction.service import Interactions
from auth_server.interaction.step_page import StepPage, with_request
from auth_server.interaction.words import ShownPerson, reasons_in_words
from auth_server.protocol.errors import ApiError, PageError
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
    """What these pages share."""

    def __init__(self, kit: PageKit, interactions: Interactions, recovery: Recovery) -> None:
        super().__init__(kit, interactions)
        self._recovery = recovery


class ForgotPage(RecoveryPage):
    """`/forgot-password`: the same answer whoever it is asked for."""

    path = "/forgot-password"

    async def show(self, request: Request, browser: Browser) -> Response:
        """Show the form."""
        interaction = await self.interaction(request, browser)
        visit = self.visit(request, browser, interaction)
        hint = (interaction.request.login_hint or "") if interaction else ""
        return self._page(visit, interaction, username=hint)

    async def take(self, request: Request, browser: Browser, form: Form) -> Response:
        """Have the link sent, if there is whom to send it to."""
        interaction = await self.interaction(request, browser)
        visit = self.visit(request, browser, interaction)
        words = visit.words
        name = form.optional("username")
        if not name:
            errors = {"username": words.text("login.missing_username")}
            return self._page(visit, interaction, username="", errors=errors, status=422)
        request_id = None if interaction is None else interaction.id
        try:
            await self._recovery.ask(name, request.facts, language=words.language, interaction=request_id)
        except ApiError as error:
            seconds = error.retry_after or 1
            errors = {"username": words.text("forgot.slow", duration=words.duration(seconds))}
            return self._page(visit, interaction, username=name, errors=errors, status=error.status, retry_after=seconds)
        return see_other(with_request("/forgot-password/sent", interaction))

    def _page(
        self,
        visit: Visit,
        interaction: Interaction | None,
        *,
        username: str,
        errors: dict[str, str] | None = None,
        status: int = 200,
        retry_after: int | None = None,
    ) -> Response:
        words = visit.words
        return self._kit.pages.render(
            visit,
            "ask.html",
            words.text("forgot.title"),
            status=status,
            headers=() if retry_after is None else ((b"retry-after", str(retry_after).encode("ascii")),),
            errors=errors or {},
            retry_after=retry_after,
            lead=words.text("forgot.lead"),
            username=username,
            submit=words.text("forgot.submit"),
            login_link=with_request("/login", interaction),
        )


class ForgotSentPage(RecoveryPage):
    """`/forgot-password/sent`."""

    path = "/forgot-password/sent"
    methods = ("GET",)

    async def show(self, request: Request, browser: Browser) -> Response:
        """Say what was done, whether it was or not."""
        interaction = await self.interaction(request, browser)
        visit = self.visit(request, browser, interaction)
        words = visit.words
        lifetime = words.duration(LIFETIME_SECONDS[Purpose.RESET_PASSWORD])
        return self._kit.pages.render(
            visit,
            "sent.html",
            words.text("sent.title"),
            paragraphs=(words.text("sent.reset"), words.text("sent.reset.spam", duration=lifetime)),
            can_resend=False,
            link=with_request("/forgot-password", interaction),
            link_text=words.text("sent.resend"),
        )


class TicketPage(RecoveryPage):
    """A page that a link in a letter leads to. Opening it uses nothing: mail filters open every link."""

    about: ClassVar[tuple[str, ...]] = (TICKET_PARAMETER,)
    purpose: Purpose

    async def show(self, request: Request, browser: Browser) -> Response:
        """Show the form, or why the link is no longer good."""
        found = await self._recovery.find(self._token(request), self.purpose)
        visit = self.visit(request, browser, None)
        if found is None or not found[0].is_live:
            return self._useless(visit, None if found is None else found[0])
        return self.form(visit, found[1])

    def form(
        self,
        visit: Visit,
        account: Account,
        errors: dict[str, str] | None = None,
        reasons: tuple[str, ...] = (),
        status: int = 200,
    ) -> Response:
        """Return the page with its form."""
        raise NotImplementedError

    def _token(self, request: Request) -> str | None:
        return request.parameters().optional(TICKET_PARAMETER)

    def _useless(self, visit: Visit, ticket: StoredTicket | None) -> Response:
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
            return self._useless(visit, None if found is None else found[0])
        if not password:
            return self.form(visit, found[1], {"password": words.text("password.missing")}, status=422)
        try:
            ticket = await self._recovery.reset(token, password, request.facts)
        except ApiError as error:
            if error.error != "weak_password":
                raise
            reasons = reasons_in_words(words, error)
            return self.form(visit, found[1], {"password": words.text("password.weak")}, reasons, status=422)
        if ticket is None:
            return self._useless(visit, found[0])
        interaction = await self.same_browser(ticket, browser)
        return see_other(with_request("/reset-password/done", interaction), outcome="password_changed")

    async def same_browser(self, ticket: StoredTicket, browser: Browser) -> Interaction | None:
        """Return the authorization request that goes on, where the link was opened in the browser that it waits in."""
        try:
            return None if ticket.interaction is None else await self._interactions.find(ticket.interaction, browser)
        except PageError:
            return None

    def form(
        self,
        visit: Visit,
        account: Account,
        errors: dict[str, str] | None = None,
        reasons: tuple[str, ...] = (),
        status: int = 200,
    ) -> Response:
        return self._kit.pages.render(
            visit,
            "reset.html",
            visit.words.text("reset.title"),
            status=status,
            is_own_window=True,
            errors=errors or {},
            reasons=reasons,
            lead=visit.words.text("reset.lead"),
            person=ShownPerson.of(account),
            ticket=None,
            min_length=MIN_LENGTH,
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
            second_link=None,
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
            return self._useless(self.visit(request, browser, None), None if found is None else found[0])
        return see_other(f"/reset-password?{TICKET_PARAMETER}={token}", outcome="account_secured")

    def form(
        self,
        visit: Visit,
        account: Account,
        errors: dict[str, str] | None = None,
        reasons: tuple[str, ...] = (),
        status: int = 200,
    ) -> Response:
        words = visit.words
        return self._kit.pages.render(
            visit,
            "press.html",
            words.text("not_me.title"),
            status=status,
            is_own_window=True,
            paragraphs=(words.text("not_me.lead"),),
            person=ShownPerson.of(account),
            submit=words.text("not_me.submit"),
            css="main",
            deny=None,
            ticket=None,
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
        second_link=None,
    )
