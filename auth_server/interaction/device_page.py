"""Letting a device in: type the code it shows, look at what asks and from where, and say yes or no (RFC 8628 section 3.3)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import ClassVar, Final
from urllib.parse import urlencode

from auth_server.clients.service import Clients
from auth_server.devices.service import Devices, TooManyTries, UnknownUserCode
from auth_server.interaction.destinations import USER_CODE, sign_in_for
from auth_server.interaction.words import ShownPerson, shown_client, shown_device, shown_scopes
from auth_server.protocol import user_code
from auth_server.protocol.directory import Directory
from auth_server.protocol.form import Form
from auth_server.sessions.service import Sessions
from auth_server.store.device_codes import Device
from auth_server.store.sessions import Session
from auth_server.store.store import Store
from auth_server.web.browser import Browser
from auth_server.web.page_door import PageDoor, see_other
from auth_server.web.page_kit import PageKit
from auth_server.web.request import Request
from auth_server.web.responses import Response
from auth_server.web.visit import Visit

CONFIRM: Final = "/device/confirm"


class DevicePage(PageDoor):
    """`/device`: type the code."""

    path = "/device"
    about: ClassVar[tuple[str, ...]] = (USER_CODE,)

    def __init__(
        self,
        kit: PageKit,
        *,
        devices: Devices,
        sessions: Sessions,
        store: Store,
        clients: Clients,
        directory: Callable[[], Awaitable[Directory]],
    ) -> None:
        super().__init__(kit)
        self._devices = devices
        self._sessions = sessions
        self._store = store
        self._clients = clients
        self._directory = directory

    async def show(self, request: Request, browser: Browser) -> Response:
        """Show the form; a link that holds the code fills it in, and still it is for the person to go on."""
        typed = request.parameters().optional(USER_CODE)
        if await self.session(browser) is None:
            return see_other(sign_in_for("device", user_code=_shown(typed)))
        return self._form(self.visit(request, browser), typed=_shown(typed) or "")

    async def take(self, request: Request, browser: Browser, form: Form) -> Response:
        """Look the code up."""
        session = await self.session(browser)
        if session is None:
            return see_other(sign_in_for("device"))
        visit = self.visit(request, browser)
        typed = form.optional(USER_CODE)
        if typed is None:
            return self._form(visit, typed="", error=visit.words.text("device.missing"), status=422)
        try:
            await self._devices.look_up(typed, request.facts, session.sid)
        except (UnknownUserCode, TooManyTries) as error:
            return self.refused(visit, typed, error)
        return see_other(f"{CONFIRM}?{urlencode({USER_CODE: _shown(typed)})}")

    async def session(self, browser: Browser) -> Session | None:
        """Return the latest sign-in of this browser."""
        held = await self._sessions.in_browser(browser.session)
        return held[0] if held else None

    def visit(self, request: Request, browser: Browser) -> Visit:
        """Read who looks."""
        return self._kit.before_sign_in(request, browser, about=self.about)

    def refused(self, visit: Visit, typed: str, error: UnknownUserCode | TooManyTries) -> Response:
        """Say that a code is good for nothing, or that too many were tried."""
        words = visit.words
        if isinstance(error, UnknownUserCode):
            return self._form(visit, typed=_shown(typed) or typed, error=words.text("device.wrong"), status=422)
        text = words.text("device.slow", duration=words.duration(error.retry_after))
        return self._form(visit, typed="", error=text, status=429, retry_after=error.retry_after)

    def _form(
        self, visit: Visit, *, typed: str, error: str | None = None, status: int = 200, retry_after: int | None = None
    ) -> Response:
        return self._kit.pages.render(
            visit,
            "device.html",
            visit.words.text("device.title"),
            status=status,
            is_own_window=True,
            errors={USER_CODE: error} if error else {},
            retry_after=retry_after,
            user_code=typed,
        )


class DeviceConfirmPage(DevicePage):
    """`/device/confirm?user_code=…`: what asks, from where, for what; yes or no."""

    path = CONFIRM

    async def show(self, request: Request, browser: Browser) -> Response:
        """Show the device."""
        typed = request.parameters().optional(USER_CODE)
        session = await self.session(browser)
        if session is None or typed is None:
            return see_other("/device" if session else sign_in_for("device", user_code=_shown(typed)))
        try:
            device = await self._devices.look_up(typed, request.facts, session.sid)
        except (UnknownUserCode, TooManyTries) as error:
            return self.refused(self.visit(request, browser), typed, error)
        return await self._page(self.visit(request, browser), device, session, typed)

    async def take(self, request: Request, browser: Browser, form: Form) -> Response:
        """Let it in, or turn it away."""
        typed = request.parameters().optional(USER_CODE)
        session = await self.session(browser)
        action = form.optional("action")
        if session is None or typed is None:
            return see_other(sign_in_for("device", user_code=_shown(typed)))
        if action not in ("allow", "deny"):
            return see_other(f"{CONFIRM}?{urlencode({USER_CODE: _shown(typed) or ''})}")
        decide = self._devices.approve if action == "allow" else self._devices.deny
        try:
            await decide(typed, session, request.facts)
        except (UnknownUserCode, TooManyTries) as error:
            return self.refused(self.visit(request, browser), typed, error)
        return see_other("/device/approved" if action == "allow" else "/device/denied")

    async def _page(self, visit: Visit, device: Device, session: Session, typed: str) -> Response:
        account = await self._store.read(lambda tx: tx.accounts.find(session.sub))
        client = await self._clients.find(device.client_id)
        if account is None or client is None:
            return self.refused(visit, typed, UnknownUserCode())
        directory = await self._directory()
        resource = None if device.resource is None else directory.resources.get(device.resource)
        words = visit.words
        scope = client.scope if device.scope is None else device.scope
        seconds = (self._store.clock.now_ms() - device.created_at) / 1000
        return self._kit.pages.render(
            visit,
            "device_confirm.html",
            words.text("device.confirm.title", client=client.name),
            is_own_window=True,
            client=shown_client(client, words),
            person=ShownPerson.of(account),
            switch_link="/end_session",
            user_code=_shown(typed),
            place=", ".join((shown_device(words, device.user_agent), device.address)),
            asked_at=words.ago(seconds),
            groups=shown_scopes(words, scope, resource),
        )


class DeviceApprovedPage(PageDoor):
    """`/device/approved`."""

    path = "/device/approved"
    methods = ("GET",)
    message = "device.approved"
    sign = "good"

    async def show(self, request: Request, browser: Browser) -> Response:
        """Say that the page can be closed."""
        visit = self._kit.visit(request)
        return self._kit.pages.render(
            visit,
            "message.html",
            visit.words.text(f"{self.message}.title"),
            is_own_window=True,
            sign=self.sign,
            paragraphs=(visit.words.text(f"{self.message}.lead"),),
        )


class DeviceDeniedPage(DeviceApprovedPage):
    """`/device/denied`."""

    path = "/device/denied"
    message = "device.denied"
    sign = "warn"


def _shown(typed: str | None) -> str | None:
    code = None if typed is None else user_code.normalise(typed)
    return None if code is None else user_code.shown(code)
