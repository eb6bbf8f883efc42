"""Creating an account, and signing in to it at once."""

from __future__ import annotations

from typing import ClassVar, Final

from auth_server.accounts.passwords import MIN_LENGTH
from auth_server.accounts.registration import Registration, RegistrationMode
from auth_server.interaction.interaction import Interaction
from auth_server.interaction.login_page import SignInPage, SignInTools
from auth_server.interaction.service import Interactions
from auth_server.interaction.step_page import REQUEST, with_request
from auth_server.interaction.words import reasons_in_words
from auth_server.protocol.errors import ApiError
from auth_server.protocol.form import Form
from auth_server.web.browser import Browser
from auth_server.web.page_door import see_other
from auth_server.web.page_kit import PageKit
from auth_server.web.request import Request
from auth_server.web.responses import Response
from auth_server.web.visit import Visit

_FIELDS: Final = ("username", "email", "password")
_MISSING: Final = {
    "username": "register.missing_username",
    "email": "register.missing_email",
    "password": "password.missing",
}
# Which field a refusal is about, and how it is told.
_REFUSALS: Final = {
    "username_taken": ("username", "register.username_taken"),
    "invalid_username": ("username", "register.bad_username"),
    "invalid_email": ("email", "register.bad_email"),
    "domain_refused": ("email", "register.domain_refused"),
    "weak_password": ("password", "password.weak"),
}


class RegistrationPage(SignInPage):
    """`/register-account`. What is typed is kept when something about it is refused, but for the password."""

    path = "/register-account"
    about: ClassVar[tuple[str, ...]] = (REQUEST,)

    def __init__(
        self,
        kit: PageKit,
        interactions: Interactions,
        tools: SignInTools,
        registration: Registration,
        *,
        terms_url: str | None,
        privacy_url: str | None,
    ) -> None:
        super().__init__(kit, interactions, tools)
        self._registration = registration
        self._terms_url = terms_url
        self._privacy_url = privacy_url

    async def show(self, request: Request, browser: Browser) -> Response:
        """Show the form, or that signing up is not open."""
        interaction = await self.interaction(request, browser)
        visit = self.visit(request, browser, interaction)
        if self._registration.mode is not RegistrationMode.OPEN:
            return self._closed(visit, interaction)
        return self._page(visit, interaction)

    async def take(self, request: Request, browser: Browser, form: Form) -> Response:
        """Make the account."""
        interaction = await self.interaction(request, browser)
        visit = self.visit(request, browser, interaction)
        if self._registration.mode is not RegistrationMode.OPEN:
            return self._closed(visit, interaction)
        typed = {name: form.optional(name) or "" for name in _FIELDS}
        errors = {name: visit.words.text(_MISSING[name]) for name in _FIELDS if not typed[name]}
        if errors:
            return self._page(visit, interaction, typed, errors, status=422)
        try:
            await self._registration.register(
                **typed,
                facts=request.facts,
                language=visit.words.language,
                interaction=None if interaction is None else interaction.id,
            )
        except ApiError as error:
            return self._refused(visit, interaction, typed, error)
        return await self._signed_up(request, browser, interaction, typed)

    async def _signed_up(
        self, request: Request, browser: Browser, interaction: Interaction | None, typed: dict[str, str]
    ) -> Response:
        signed_in, change = await self.sign_in(request, browser, typed["username"], typed["password"])
        answer = await self.go_on(request, browser, interaction, signed_in, change)
        cookies = tuple(value for name, value in answer.headers if name == b"set-cookie")
        return see_other(with_request("/verify-email/sent", interaction), cookies=cookies, outcome="registered")

    def _refused(self, visit: Visit, interaction: Interaction | None, typed: dict[str, str], error: ApiError) -> Response:
        if error.error not in _REFUSALS:
            raise error
        field, message = _REFUSALS[error.error]
        errors = {field: visit.words.text(message)}
        reasons = reasons_in_words(visit.words, error) if field == "password" else ()
        return self._page(visit, interaction, typed, errors, reasons=reasons, status=error.status, outcome=error.error)

    def _page(
        self,
        visit: Visit,
        interaction: Interaction | None,
        typed: dict[str, str] | None = None,
        errors: dict[str, str] | None = None,
        *,
        reasons: tuple[str, ...] = (),
        status: int = 200,
        outcome: str = "ok",
    ) -> Response:
        return self._kit.pages.render(
            visit,
            "register.html",
            visit.words.text("register.title"),
            status=status,
            outcome=outcome,
            client=self.client(visit, interaction),
            errors=errors or {},
            reasons=reasons,
            username=(typed or {}).get("username", ""),
            email=(typed or {}).get("email", ""),
            min_length=MIN_LENGTH,
            login_link=with_request("/login", interaction),
            terms_link=self._terms_url,
            privacy_link=self._privacy_url,
        )

    def _closed(self, visit: Visit, interaction: Interaction | None) -> Response:
        kind = "invite" if self._registration.mode is RegistrationMode.INVITE else "closed"
        words = visit.words
        return self._kit.pages.render(
            visit,
            "message.html",
            words.text(f"register.{kind}.title"),
            status=403,
            outcome="registration_closed",
            sign="warn",
            paragraphs=(words.text(f"register.{kind}.lead"),),
            link=with_request("/login", interaction),
            link_text=words.text("back_to_login"),
        )
