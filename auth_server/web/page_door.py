"""A door that shows pages: who asks, what the form must prove, and how refusals look."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar, Final

from auth_server.protocol.errors import ApiError, InternalError, OAuthError
from auth_server.protocol.form import Form
from auth_server.web.browser import Browser
from auth_server.web.csrf import FIELD, CsrfRefused
from auth_server.web.door import Door
from auth_server.web.failures import Failure, Kind, error_page, failure_of
from auth_server.web.page_kit import PageKit
from auth_server.web.request import Receive, Request, Scope, Send
from auth_server.web.responses import Headers, Response
from auth_server.web.visit import visit_of

REQUEST: Final = "request"
_NO_STORE: Final[Headers] = ((b"cache-control", b"no-store"),)


class PageDoor(Door):
    """A page: GET shows it, POST takes its form.

    Attributes:
        about: names of the parameters of its address that say what it is about; its forms are good for that alone.
    """

    methods: ClassVar[tuple[str, ...]] = ("GET", "POST")
    about: ClassVar[tuple[str, ...]] = ()

    def __init__(self, kit: PageKit) -> None:
        self._kit = kit

    @abstractmethod
    async def show(self, request: Request, browser: Browser) -> Response:
        """Answer a GET."""

    async def take(self, request: Request, browser: Browser, form: Form) -> Response:
        """Answer a POST whose form is one of ours."""
        raise NotImplementedError

    def binding(self, browser: Browser) -> str | None:
        """Return the cookie that the forms of this page go by; pages for people who are signed in go by their session."""
        return browser.interaction

    async def answer(self, request: Request) -> Response:
        """Answer with a page, or with where to go on."""
        browser = Browser.of(request, self._kit.jar)
        if request.method != "POST":
            return await self.show(request, browser)
        form = await request.page_form()
        here = visit_of(request, self._kit.jar, about=self.about).here
        self._kit.csrf.check(request, form.optional(FIELD), self.binding(browser), here)
        return await self.take(request, browser, form)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        Request(scope, receive).answer_is_page()
        await super().__call__(scope, receive, send)

    def refuse(self, request: Request, error: OAuthError | ApiError | InternalError) -> Response:
        """Show a refusal as a page."""
        failure = failure_of(error)
        if isinstance(error, CsrfRefused):
            here = visit_of(request, self._kit.jar, about=self.about).here
            failure = Failure(failure.kind, failure.status, failure.code, link=here, link_text="error.expired.start")
        return error_page(self._kit, request, failure)

    def refuse_method(self, request: Request, allowed: bytes) -> Response:
        """Show that the method is none of ours."""
        return error_page(self._kit, request, Failure(Kind.METHOD, 405, "method_not_allowed", allowed=allowed))


def see_other(path: str, *, cookies: tuple[bytes, ...] = (), outcome: str = "ok") -> Response:
    """Send the browser on by GET: 303, so that no password is ever repeated there (RFC 9700 section 4.12). `path` is ours."""
    headers = ((b"location", path.encode("ascii")), *_NO_STORE, *((b"set-cookie", cookie) for cookie in cookies))
    return Response(303, headers=headers, outcome=outcome)
