"""Signing in: name and password on one page, and the same again for somebody who is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from auth_server.accounts.login import Login, SignedIn
from auth_server.accounts.registration import RegistrationMode
from auth_server.interaction.destinations import FOR, USER_CODE, destination
from auth_server.interaction.interaction import Interaction
from auth_server.interaction.next_step import PAGES, Step
from auth_server.interaction.service import Interactions
from auth_server.interaction.step_page import REQUEST, StepPage, may_end_at, session_cookie, with_request
from auth_server.interaction.words import ShownPerson
from auth_server.protocol.errors import ApiError
from auth_server.protocol.form import Form
from auth_server.rate_limits.known_devices import KNOWN_FOR_SECONDS
from auth_server.sessions.service import Sessions
from auth_server.store.accounts import Account
from auth_server.store.store import Store
from auth_server.web.browser import Browser, CookieChange
from auth_server.web.page_door import see_other
from auth_server.web.page_kit import PageKit
from auth_server.web.request import Request
from auth_server.web.responses import Response
from auth_server.web.visit import Visit

# Known to the API that people's software signs in by, too.
DEVICE_COOKIE = "dev"
LAPSED = "as"


@dataclass(frozen=True, slots=True)
class SignInTools:
    """What signing in at a page needs. `session_lifetime` in seconds."""

    login: Login
    sessions: Sessions
    store: Store
    registration: RegistrationMode
    session_lifetime: float


class SignInPage(StepPage):
    """What both pages share at which a password is typed."""

    about: ClassVar[tuple[str, ...]] = (REQUEST, FOR, USER_CODE)

    def __init__(self, kit: PageKit, interactions: Interactions, tools: SignInTools) -> None:
        super().__init__(kit, interactions)
        self._tools = tools

    async def sign_in(self, request: Request, browser: Browser, name: str, password: str) -> tuple[SignedIn, CookieChange]:
        """Check a password; the browser gets another session cookie.

        Raises:
            ApiError: like `Login.sign_in`.
        """
        change = CookieChange.of(browser.session)
        agent = (request.header(b"user-agent") or b"").decode("latin-1") or None
        return await self._tools.login.sign_in(name, password, request.facts, user_agent=agent, browser=change), change

    async def go_on(
        self, request: Request, browser: Browser, interaction: Interaction | None, signed_in: SignedIn, change: CookieChange
    ) -> Response:
        """Send somebody who proved who they are to where they were going."""
        path = destination(request.parameters()) or "/signed-in"
        if interaction is not None:
            await self._interactions.signed_in(interaction.id, browser, signed_in.session.sid)
            path = interaction.resume_path
        cookies = (
            session_cookie(self._kit, change, self._tools.session_lifetime),
            self._kit.jar.set(DEVICE_COOKIE, signed_in.device_cookie, KNOWN_FOR_SECONDS),
        )
        return see_other(path, cookies=cookies, outcome="signed_in")


class LoginPage(SignInPage):
    """`/login`."""

    path = "/login"
    about: ClassVar[tuple[str, ...]] = (REQUEST, FOR, USER_CODE, LAPSED)

    async def show(self, request: Request, browser: Browser) -> Response:
        """Show the form, or go on where nobody has to sign in."""
        interaction = await self.interaction(request, browser)
        if interaction is not None and interaction.step not in PAGES:
            return see_other(interaction.resume_path)
        if interaction is None and await self._tools.sessions.in_browser(browser.session):
            return see_other(destination(request.parameters()) or "/signed-in")
        visit = self.visit(request, browser, interaction)
        return self._page(visit, interaction, username=await self._name_to_show(request, browser, interaction))

    async def take(self, request: Request, browser: Browser, form: Form) -> Response:
        """Sign in."""
        interaction = await self.interaction(request, browser)
        name, password = form.optional("username"), form.optional("password")
        visit = self.visit(request, browser, interaction)
        words = visit.words
        errors = {} if name else {"username": words.text("login.missing_username")}
        errors |= {} if password else {"password": words.text("login.missing_password")}
        if errors or not name or not password:
            return self._page(visit, interaction, username=name or "", errors=errors, status=422)
        try:
            signed_in, change = await self.sign_in(request, browser, name, password)
        except ApiError as error:
            return self._refused(visit, interaction, name, error)
        return await self.go_on(request, browser, interaction, signed_in, change)

    def _refused(self, visit: Visit, interaction: Interaction | None, name: str, error: ApiError) -> Response:
        errors = {"password": refusal_in_words(visit, error)}
        status = error.status if error.retry_after is not None else 422
        retry = error.retry_after
        return self._page(visit, interaction, username=name, errors=errors, status=status, retry_after=retry, outcome=error.error)

    async def _name_to_show(self, request: Request, browser: Browser, interaction: Interaction | None) -> str:
        chosen = request.parameters().optional(LAPSED)
        if chosen is not None:
            account = await _lapsed_account(self._tools, browser, chosen)
            return account.username if account else ""
        return (interaction.request.login_hint or "") if interaction is not None else ""

    def _page(
        self,
        visit: Visit,
        interaction: Interaction | None,
        *,
        username: str,
        errors: dict[str, str] | None = None,
        status: int = 200,
        retry_after: int | None = None,
        outcome: str = "ok",
    ) -> Response:
        others = interaction is not None and bool(interaction.people)
        return self._kit.pages.render(
            visit,
            "login.html",
            visit.words.text("login.title"),
            status=status,
            may_end_at=may_end_at(interaction),
            outcome=outcome,
            client=self.client(visit, interaction),
            errors=errors or {},
            retry_after=retry_after,
            username=username,
            forgot_link=with_request("/forgot-password", interaction),
            register_link=with_request("/register-account", interaction),
            accounts_link=with_request("/login/accounts", interaction) if others else None,
            registration=self._tools.registration.value,
        )


class ConfirmPage(SignInPage):
    """`/login/confirm`: somebody who is signed in proves again who they are, and nobody else can in their place."""

    path = "/login/confirm"

    async def show(self, request: Request, browser: Browser) -> Response:
        """Show the form."""
        interaction = await self.interaction(request, browser)
        account = await self._whom(browser, interaction)
        if account is None:
            return self._elsewhere(request, interaction)
        return self._page(self.visit(request, browser, interaction), interaction, account)

    async def take(self, request: Request, browser: Browser, form: Form) -> Response:
        """Check the password."""
        interaction = await self.interaction(request, browser)
        account = await self._whom(browser, interaction)
        if account is None:
            return self._elsewhere(request, interaction)
        visit = self.visit(request, browser, interaction)
        password = form.optional("password")
        if not password:
            return self._page(visit, interaction, account, error=visit.words.text("login.missing_password"), status=422)
        try:
            signed_in, change = await self.sign_in(request, browser, account.username, password)
        except ApiError as error:
            status = error.status if error.retry_after is not None else 422
            text = refusal_in_words(visit, error)
            return self._page(visit, interaction, account, error=text, status=status, retry_after=error.retry_after)
        return await self.go_on(request, browser, interaction, signed_in, change)

    async def _whom(self, browser: Browser, interaction: Interaction | None) -> Account | None:
        if interaction is not None:
            return interaction.person.account if interaction.person and interaction.step is Step.STEP_UP else None
        return await newest_account(self._tools.store, self._tools.sessions, browser)

    def _elsewhere(self, request: Request, interaction: Interaction | None) -> Response:
        if interaction is not None:
            return see_other(interaction.resume_path)
        query = request.query.decode("ascii") if request.query.isascii() else ""
        return see_other(f"/login?{query}" if destination(request.parameters()) else "/login")

    def _page(
        self,
        visit: Visit,
        interaction: Interaction | None,
        account: Account,
        *,
        error: str | None = None,
        status: int = 200,
        retry_after: int | None = None,
    ) -> Response:
        words = visit.words
        why = words.text("confirm.reason.account")
        if interaction is not None:
            why = words.text("confirm.reason.request", client=interaction.client.name)
        return self._kit.pages.render(
            visit,
            "confirm.html",
            words.text("confirm.title"),
            status=status,
            may_end_at=may_end_at(interaction),
            is_own_window=interaction is None,
            errors={"password": error} if error else {},
            retry_after=retry_after,
            reason=why,
            person=ShownPerson.of(account),
            other_link=None if interaction is None else with_request("/login", interaction),
            forgot_link=with_request("/forgot-password", interaction),
        )


def refusal_in_words(visit: Visit, error: ApiError) -> str:
    """Return why somebody could not sign in, in the reader's language."""
    words = visit.words
    if error.retry_after is None:
        return words.text("login.wrong")
    message = "login.busy" if error.status == 503 else "login.slow"
    return words.text(message, duration=words.duration(error.retry_after))


async def newest_account(store: Store, sessions: Sessions, browser: Browser) -> Account | None:
    """Return who signed in last in this browser; None when nobody is signed in, or the account is disabled."""
    held = await sessions.in_browser(browser.session)
    account = await store.read(lambda tx: tx.accounts.find(held[0].sub)) if held else None
    return None if account is None or account.is_disabled else account


async def _lapsed_account(tools: SignInTools, browser: Browser, sid: str) -> Account | None:
    lapsed = await tools.sessions.lapsed_in_browser(browser.session)
    sub = next((session.sub for session in lapsed if session.sid == sid), None)
    return None if sub is None else await tools.store.read(lambda tx: tx.accounts.find(sub))
