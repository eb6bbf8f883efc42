"""What every page is made with, in one value, and the visit of a request."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

from auth_server.languages.catalogue import Catalogue
from auth_server.web.browser import INTERACTION_COOKIE, Browser, fresh
from auth_server.web.cookies import CookieJar
from auth_server.web.csrf import Csrf
from auth_server.web.pages import Pages
from auth_server.web.request import Request
from auth_server.web.visit import Visit, visit_of

_DAY: Final = 86_400


@dataclass(frozen=True, slots=True)
class Promises:
    """How soon it holds that something ended.

    Attributes:
        soon_seconds: at a resource server that follows the feed.
        latest_seconds: at one that is cut off from it: the life of an access token, and the leeway on its end.
    """

    soon_seconds: float
    latest_seconds: float

    def in_words(self, words: Catalogue) -> dict[str, Any]:
        """Return both, as the messages about endings want them."""
        return {"soon": words.duration(self.soon_seconds), "latest": words.duration(self.latest_seconds)}


@dataclass(frozen=True, slots=True)
class PageKit:
    """What every page is made with."""

    issuer: str
    pages: Pages
    csrf: Csrf
    jar: CookieJar
    promises: Promises

    def visit(
        self,
        request: Request,
        *,
        about: tuple[str, ...] = (),
        bound_to: str | None = None,
        ui_locales: str | None = None,
        setting: str | None = None,
    ) -> Visit:
        """Read who looks at a page, and make the token of its forms.

        Args:
            about: names of the parameters that say what the page is about.
            bound_to: the cookie that the token is good with; None for a page without forms.
            ui_locales, setting: see `visit_of`.
        """
        visit = visit_of(request, self.jar, about=about, ui_locales=ui_locales, setting=setting)
        return visit if bound_to is None else replace(visit, csrf=self.csrf.token(bound_to, visit.here))

    def before_sign_in(
        self, request: Request, browser: Browser, *, about: tuple[str, ...] = (), ui_locales: str | None = None
    ) -> Visit:
        """Return the visit of a page for somebody who may not be signed in: its forms go by a cookie that every browser is given."""
        cookie = browser.interaction or fresh()
        visit = self.visit(request, about=about, bound_to=cookie, ui_locales=ui_locales)
        if browser.interaction is not None:
            return visit
        return replace(visit, cookies=(*visit.cookies, self.jar.set(INTERACTION_COOKIE, cookie, _DAY)))
