"""What the pages of an authorization request share: the request behind the address, and where to go on."""

from __future__ import annotations

from typing import ClassVar, Final

from auth_server.interaction.interaction import Interaction
from auth_server.interaction.service import Interactions
from auth_server.interaction.words import ShownClient, shown_client
from auth_server.protocol.errors import ApiError, InternalError, OAuthError, PageError
from auth_server.web.browser import SESSION_COOKIE, Browser, CookieChange
from auth_server.web.failures import Failure, Kind, error_page
from auth_server.web.page_door import PageDoor, see_other
from auth_server.web.page_kit import PageKit
from auth_server.web.request import Request
from auth_server.web.responses import Response
from auth_server.web.visit import Visit

REQUEST: Final = "request"
ACCOUNT: Final = "/account"
START_AGAIN: Final = "/start-again"


class StepPage(PageDoor):
    """A page that may belong to an authorization request (`?request=ID`), or to none."""

    about: ClassVar[tuple[str, ...]] = (REQUEST,)

    def __init__(self, kit: PageKit, interactions: Interactions) -> None:
        super().__init__(kit)
        self._interactions = interactions

    async def interaction(self, request: Request, browser: Browser) -> Interaction | None:
        """Return the request that the page belongs to; None when its address names none.

        Raises:
            PageError: it names one that is not there for this browser, or no longer.
        """
        interaction_id = request.parameters().optional(REQUEST)
        return None if interaction_id is None else await self._interactions.find(interaction_id, browser)

    async def waiting(self, interaction_id: str | None, browser: Browser) -> Interaction | None:
        """Return the request that a letter was sent for; None when it was answered meanwhile, or waits in another browser."""
        try:
            return None if interaction_id is None else await self._interactions.find(interaction_id, browser)
        except PageError:
            return None

    def visit(self, request: Request, browser: Browser, interaction: Interaction | None) -> Visit:
        """Read who looks; the authorization request may ask for a language."""
        ui_locales = None if interaction is None else " ".join(interaction.request.ui_locales)
        return self._kit.before_sign_in(request, browser, about=self.about, ui_locales=ui_locales)

    def client(self, visit: Visit, interaction: Interaction | None) -> ShownClient | None:
        """Return the client that the page leads to."""
        if interaction is None:
            return None
        return shown_client(interaction.client, visit.words, redirect_uri=interaction.request.redirect_uri)

    def refuse(self, request: Request, error: OAuthError | ApiError | InternalError) -> Response:
        """Show a refusal; a request that is over may be started again from here."""
        if isinstance(error, PageError) and self._named(request):
            link = f"{START_AGAIN}?request={self._named(request)}"
            failure = Failure(Kind.EXPIRED, 400, "request_over", link=link, link_text="error.expired.start")
            return error_page(self._kit, request, failure)
        return super().refuse(request, error)

    def _named(self, request: Request) -> str | None:
        try:
            named = request.parameters().optional(REQUEST)
        except OAuthError:
            return None
        # What goes into a link is ours: an id is 22 characters of base64url.
        return named if named is not None and len(named) <= 64 and named.replace("-", "").replace("_", "").isalnum() else None


def with_request(path: str, interaction: Interaction | None) -> str:
    """Return a path of ours that goes on with the same authorization request."""
    return path if interaction is None else f"{path}?{REQUEST}={interaction.id}"


def session_cookie(kit: PageKit, change: CookieChange, lifetime: float) -> bytes:
    """Return the session cookie after a sign-in or sign-out."""
    return kit.jar.set(SESSION_COOKIE, change.new, round(lifetime))


def may_end_at(interaction: Interaction | None) -> tuple[str, ...]:
    """Return where a form of this request may end, as a policy spells it."""
    return () if interaction is None else (interaction.form_action,)


class StartAgain(PageDoor):
    """`/start-again?request=ID`: the same authorization request once more, where the page of the old one is too old."""

    path = START_AGAIN
    methods = ("GET",)

    def __init__(self, kit: PageKit, interactions: Interactions) -> None:
        super().__init__(kit)
        self._interactions = interactions

    async def show(self, request: Request, browser: Browser) -> Response:
        """Begin it anew."""
        interaction_id = request.parameters().required(REQUEST)
        return see_other(f"/authorize?{REQUEST}={await self._interactions.restart(interaction_id, browser)}")
