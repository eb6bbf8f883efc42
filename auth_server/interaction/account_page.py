"""The account's own pages: what they share, and the profile."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from auth_server.accounts.profile import Profile
from auth_server.accounts.verification import Verification
from auth_server.interaction.destinations import sign_in_for
from auth_server.interaction.own_account import OwnAccount
from auth_server.interaction.words import ShownPerson
from auth_server.protocol.errors import ApiError
from auth_server.protocol.form import Form
from auth_server.store.email_changes import EmailChange
from auth_server.store.sessions import Session
from auth_server.web.browser import Browser
from auth_server.web.csrf import CsrfRefused
from auth_server.web.page_door import PageDoor, see_other
from auth_server.web.page_kit import PageKit
from auth_server.web.request import Request
from auth_server.web.responses import Response
from auth_server.web.visit import Visit

DONE: Final = "done"
_TABS: Final = {
    "profile": "/account",
    "password": "/account/password",
    "sessions": "/account/sessions",
    "apps": "/account/apps",
    "activity": "/account/activity",
}
_NOTICES: Final = {
    "saved": "saved",
    "password": "account.password.done",
    "letter": "sent.again",
    "session": "sessions.ended",
    "sessions": "sessions.others_ended",
    "app": "apps.revoked",
}


@dataclass(frozen=True, slots=True)
class Owner:
    """Who is signed in: the session of this browser with the latest sign-in, and its account."""

    session: Session
    profile: Profile

    @property
    def sub(self) -> str:
        """The subject."""
        return self.session.sub


@dataclass(frozen=True, slots=True)
class Tab:
    """One of the account's pages."""

    name: str
    link: str
    current: bool


class AccountPage(PageDoor):
    """One of the account's own pages.

    Attributes:
        name: of its place in `destinations.py`.
        tab: which of the tabs it belongs to.
        is_sensitive: it asks for a fresh sign-in, before it is shown and before its form counts.
    """

    name: ClassVar[str]
    tab: ClassVar[str]
    title: ClassVar[str]
    is_sensitive: ClassVar[bool] = False

    def __init__(self, kit: PageKit, own: OwnAccount) -> None:
        super().__init__(kit)
        self._own = own

    def binding(self, browser: Browser) -> str | None:
        return browser.session

    async def show(self, request: Request, browser: Browser) -> Response:
        """Show the page to its owner, or lead to signing in."""
        owner = await self._owner(browser)
        if owner is None:
            return see_other(sign_in_for(self.name))
        if self.is_sensitive and not self._own.is_fresh(owner.session):
            return see_other(sign_in_for(self.name, again=True))
        return await self.page(self._visit(request, browser, owner), owner, request)

    async def take(self, request: Request, browser: Browser, form: Form) -> Response:
        """Do what the owner asks for."""
        owner = await self._owner(browser)
        if owner is None:
            raise CsrfRefused
        if self.is_sensitive and not self._own.is_fresh(owner.session):
            return see_other(sign_in_for(self.name, again=True))
        visit = self._visit(request, browser, owner)
        try:
            return await self.act(request, browser, owner, visit, form)
        except ApiError as error:
            if error.retry_after is None:
                raise
            text = visit.words.text("forgot.slow", duration=visit.words.duration(error.retry_after))
            return await self.page(visit, owner, request, errors={"": text}, status=error.status, retry_after=error.retry_after)

    @abstractmethod
    async def page(self, visit: Visit, owner: Owner, request: Request, **more: Any) -> Response:
        """Return the page; `more` is for `render`."""

    async def act(self, request: Request, browser: Browser, owner: Owner, visit: Visit, form: Form) -> Response:
        """Do what the form says. What says nothing changes nothing: the page again."""
        return see_other(self.path)

    def render(self, visit: Visit, owner: Owner, request: Request, template: str, **values: Any) -> Response:
        """Return a page of the account."""
        words = visit.words
        notice = _NOTICES.get(request.parameters().optional(DONE) or "") if request.method != "POST" else None
        tabs = tuple(Tab(words.text(f"account.tab.{tab}"), link, tab == self.tab) for tab, link in _TABS.items())
        filled = {
            "notice": notice and words.text(notice),
            "wide": True,
            "tabs": tabs,
            "account": owner.profile.account,
            "person": ShownPerson.of(owner.profile.account),
            **self._kit.promises.in_words(words),
            **values,
        }
        return self._kit.pages.render(visit, f"account/{template}.html", words.text(self.title), is_own_window=True, **filled)

    async def _owner(self, browser: Browser) -> Owner | None:
        held = await self._own.sessions.in_browser(browser.session)
        if not held:
            return None
        session = await self._own.sessions.use(held[0].sid)
        profile = await self._own.profile(held[0].sub)
        return None if session is None or profile is None else Owner(session, profile)

    def _visit(self, request: Request, browser: Browser, owner: Owner) -> Visit:
        return self._kit.visit(request, about=self.about, bound_to=browser.session, setting=owner.profile.locale)


@dataclass(frozen=True, slots=True)
class PendingStep:
    """One of the confirmations that a change of address waits for."""

    text: str
    done: bool


@dataclass(frozen=True, slots=True)
class Pending:
    """A change of address under way."""

    email: str
    steps: tuple[PendingStep, ...]


class ProfilePage(AccountPage):
    """`/account`."""

    path = "/account"
    name = "account"
    tab = "profile"
    title = "account.title"

    def __init__(self, kit: PageKit, own: OwnAccount, verification: Verification) -> None:
        super().__init__(kit, own)
        self._verification = verification

    async def page(self, visit: Visit, owner: Owner, request: Request, **more: Any) -> Response:
        change = await self._verification.pending(owner.sub)
        return self.render(
            visit,
            owner,
            request,
            "profile",
            since=visit.words.moment(owner.profile.account.created_at),
            pending=None if change is None else _pending(visit, change, owner),
            locale=owner.profile.locale,
            **more,
        )

    async def act(self, request: Request, browser: Browser, owner: Owner, visit: Visit, form: Form) -> Response:
        action = form.optional("action")
        if action == "verify_email":
            await self._verification.ask_again(owner.sub, request.facts, language=visit.words.language)
            return see_other(f"{self.path}?{DONE}=letter")
        if action == "cancel_email":
            await self._verification.cancel(owner.sub, request.facts)
            return see_other(f"{self.path}?{DONE}=saved")
        if action != "save":
            return see_other(self.path)
        await self._own.set_locale(owner.sub, form.optional("locale"), request.facts)
        return see_other(f"{self.path}?{DONE}=saved")


class EmailPage(AccountPage):
    """`/account/email`."""

    path = "/account/email"
    name = "email"
    tab = "profile"
    title = "account.email.title"
    is_sensitive = True

    def __init__(self, kit: PageKit, own: OwnAccount, verification: Verification) -> None:
        super().__init__(kit, own)
        self._verification = verification

    async def page(self, visit: Visit, owner: Owner, request: Request, **more: Any) -> Response:
        return self.render(visit, owner, request, "email", **{"email": "", **more})

    async def act(self, request: Request, browser: Browser, owner: Owner, visit: Visit, form: Form) -> Response:
        email, words = form.optional("email") or "", visit.words
        account = owner.profile.account
        if not email or (email == account.email and account.email_verified):
            text = words.text("account.email.same" if email else "register.missing_email")
            return await self.page(visit, owner, request, email=email, errors={"email": text}, status=422)
        try:
            await self._verification.change(owner.sub, email, request.facts, language=words.language)
        except ApiError as error:
            if error.error != "invalid_email":
                raise
            errors = {"email": words.text("register.bad_email")}
            return await self.page(visit, owner, request, email=email, errors=errors, status=422)
        return see_other("/account")


def _pending(visit: Visit, change: EmailChange, owner: Owner) -> Pending:
    words = visit.words
    steps = [PendingStep(words.text("account.pending.new"), change.new_confirmed)]
    if owner.profile.account.email_verified:
        steps.append(PendingStep(words.text("account.pending.old"), change.old_confirmed))
    return Pending(change.email, tuple(steps))
