"""The account's pages about access: password, sessions, connected apps, activity."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from auth_server.accounts.letters import TICKET_PARAMETER
from auth_server.accounts.passwords import MIN_LENGTH
from auth_server.accounts.recovery import Recovery
from auth_server.interaction.account_page import DONE, AccountPage, Owner
from auth_server.interaction.destinations import sign_in_for
from auth_server.interaction.own_account import CHANGES, SIGN_INS, App, Happened, OwnAccount
from auth_server.interaction.words import reasons_in_words, shown_device
from auth_server.languages.catalogue import Catalogue
from auth_server.protocol.errors import ApiError
from auth_server.protocol.form import Form
from auth_server.web.browser import SESSION_COOKIE, Browser, CookieChange
from auth_server.web.page_door import see_other
from auth_server.web.page_kit import PageKit
from auth_server.web.request import Request
from auth_server.web.responses import Response
from auth_server.web.visit import Visit

_PAGE: Final = 25
_FILTERS: Final = {"all": (*SIGN_INS, *CHANGES), "sign_ins": SIGN_INS, "changes": CHANGES}
_SHOW: Final = "show"
_BEFORE: Final = "before"
_IDENTITY: Final = frozenset({"openid", "profile", "email", "address", "phone", "offline_access"})


class PasswordPage(AccountPage):
    """`/account/password`."""

    path = "/account/password"
    name = "password"
    tab = "password"
    title = "account.password.title"
    is_sensitive = True

    def __init__(self, kit: PageKit, own: OwnAccount, *, session_lifetime: float) -> None:
        super().__init__(kit, own)
        self._session_lifetime = round(session_lifetime)

    async def page(self, visit: Visit, owner: Owner, request: Request, **more: Any) -> Response:
        return self.render(visit, owner, request, "password", min_length=MIN_LENGTH, **more)

    async def act(self, request: Request, browser: Browser, owner: Owner, visit: Visit, form: Form) -> Response:
        password, words = form.optional("password"), visit.words
        if not password:
            return await self.page(visit, owner, request, errors={"password": words.text("password.missing")}, status=422)
        try:
            await self._own.change_password(owner.sub, password, request.facts, keep_sid=owner.session.sid)
        except ApiError as error:
            if error.error != "weak_password":
                raise
            errors, reasons = {"password": words.text("password.weak")}, reasons_in_words(words, error)
            return await self.page(visit, owner, request, errors=errors, reasons=reasons, status=422)
        change = CookieChange.of(browser.session)
        await self._own.sessions.exchange_cookie(change)
        cookie = self._kit.jar.set(SESSION_COOKIE, change.new, self._session_lifetime)
        return see_other(f"{self.path}?{DONE}=password", cookies=(cookie,), outcome="password_changed")


@dataclass(frozen=True, slots=True)
class ShownSession:
    """One place where the account is signed in."""

    sid: str
    device: str
    address: str | None
    since: str
    current: bool


class SessionsPage(AccountPage):
    """`/account/sessions`."""

    path = "/account/sessions"
    name = "sessions"
    tab = "sessions"
    title = "sessions.title"

    async def page(self, visit: Visit, owner: Owner, request: Request, **more: Any) -> Response:
        now, words = self._own.store.clock.now(), visit.words
        live = await self._own.live_sessions(owner.sub)
        shown = [
            ShownSession(
                sid=session.sid,
                device=shown_device(words, session.user_agent),
                address=session.address,
                since=words.ago(now - session.auth_time),
                current=session.sid == owner.session.sid,
            )
            for session in live
        ]
        return self.render(visit, owner, request, "sessions", sessions=sorted(shown, key=lambda one: not one.current), **more)

    async def act(self, request: Request, browser: Browser, owner: Owner, visit: Visit, form: Form) -> Response:
        action = form.optional("action")
        if action == "end":
            await self._own.end_session(owner.sub, form.optional("session") or "", request.facts)
            return see_other(f"{self.path}?{DONE}=session")
        if action == "end_others":
            await self._own.end_others(owner.sub, request.facts, keep_sid=owner.session.sid)
            return see_other(f"{self.path}?{DONE}=sessions")
        return see_other(self.path)


@dataclass(frozen=True, slots=True)
class ShownApp:
    """One app that may act for the account."""

    client_id: str
    name: str
    scopes: tuple[str, ...]
    since: str
    used: str | None


class AppsPage(AccountPage):
    """`/account/apps`."""

    path = "/account/apps"
    name = "apps"
    tab = "apps"
    title = "apps.title"

    async def page(self, visit: Visit, owner: Owner, request: Request, **more: Any) -> Response:
        texts = await self._own.scope_texts()
        now_ms = self._own.store.clock.now_ms()

        def shown(app: App) -> ShownApp:
            words = visit.words
            scopes = tuple(
                words.text(f"scope.{name}") if name in _IDENTITY else texts.get(name, name) for name in sorted(app.scope)
            )
            used = None if app.used_at is None else words.ago((now_ms - app.used_at) / 1000)
            return ShownApp(app.client_id, app.name, scopes, words.ago((now_ms - app.since) / 1000), used)

        apps = [shown(app) for app in await self._own.apps(owner.sub)]
        return self.render(visit, owner, request, "apps", apps=apps, **more)

    async def act(self, request: Request, browser: Browser, owner: Owner, visit: Visit, form: Form) -> Response:
        if form.optional("action") != "revoke":
            return see_other(self.path)
        await self._own.revoke_app(owner.sub, form.optional("client") or "", request.facts)
        return see_other(f"{self.path}?{DONE}=app")


@dataclass(frozen=True, slots=True)
class ShownEvent:
    """One thing that happened."""

    text: str
    iso: str
    when: str
    address: str | None
    device: str | None = None


@dataclass(frozen=True, slots=True)
class Filter:
    """Which events are shown."""

    name: str
    link: str
    current: bool


class ActivityPage(AccountPage):
    """`/account/activity`. "This was not me" ends everything and leads to a new password, so it asks for a fresh sign-in."""

    path = "/account/activity"
    name = "activity"
    tab = "activity"
    title = "activity.title"

    def __init__(self, kit: PageKit, own: OwnAccount, recovery: Recovery) -> None:
        super().__init__(kit, own)
        self._recovery = recovery

    async def page(self, visit: Visit, owner: Owner, request: Request, **more: Any) -> Response:
        parameters, words = request.parameters(), visit.words
        show = parameters.optional(_SHOW) or "all"
        show = show if show in _FILTERS else "all"
        text = parameters.optional(_BEFORE) or ""
        before = int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None
        happened = await self._own.activity(owner.sub, _FILTERS[show], before=before, limit=_PAGE + 1)
        older = f"{self.path}?{_SHOW}={show}&{_BEFORE}={happened[_PAGE - 1].seq}" if len(happened) > _PAGE else None
        now_ms = self._own.store.clock.now_ms()
        return self.render(
            visit,
            owner,
            request,
            "activity",
            filters=[
                Filter(words.text(f"activity.filter.{name}"), f"{self.path}?{_SHOW}={name}", name == show) for name in _FILTERS
            ],
            events=[_shown_event(words, event, now_ms) for event in happened[:_PAGE]],
            older_link=older,
            **more,
        )

    async def act(self, request: Request, browser: Browser, owner: Owner, visit: Visit, form: Form) -> Response:
        if form.optional("action") != "not_me":
            return see_other(self.path)
        if not self._own.is_fresh(owner.session):
            return see_other(sign_in_for(self.name, again=True))
        token = await self._recovery.secure_own(owner.sub, request.facts)
        cookie = self._kit.jar.set(SESSION_COOKIE, "", 0)
        path = self.path if token is None else f"/reset-password?{TICKET_PARAMETER}={token}"
        return see_other(path, cookies=(cookie,), outcome="account_secured")


def _shown_event(words: Catalogue, event: Happened, now_ms: int) -> ShownEvent:
    iso = datetime.fromtimestamp(event.at / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    when = f"{words.ago((now_ms - event.at) / 1000)}, {words.moment(event.at)}"
    return ShownEvent(words.text(f"event.{event.name}"), iso, when, event.address)
