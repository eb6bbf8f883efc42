"""Pages as answers: a template, what is filled in, the headers, and the one stylesheet under an address that changes with it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from auth_server.web.branding import Branding
from auth_server.web.page_headers import page_headers
from auth_server.web.responses import Headers, Response, retry_later
from auth_server.web.templating import fill_in
from auth_server.web.visit import Visit

_STYLE: Final = Path(__file__).parent / "static" / "pages.css"
_FOREVER: Final[Headers] = (
    (b"cache-control", b"public, max-age=31536000, immutable"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
# What every template may ask for; a page says what is different.
_NOTHING: Final[Mapping[str, Any]] = {
    "errors": {},
    "reasons": (),
    "notice": None,
    "wide": False,
    "client": None,
    "person": None,
    "can_resend": False,
    "link": None,
    "link_text": None,
    "second_link": None,
}


class Pages:
    """Renders pages for one issuer.

    Args:
        branding: name, colours and logo.
        is_demo: every page carries a warning that this is a demonstration.
    """

    def __init__(self, branding: Branding, *, is_demo: bool = False) -> None:
        self._branding = branding
        self._is_demo = is_demo
        self._style = _STYLE.read_bytes().replace(b"\n", b"") + branding.palette.encode()
        self.stylesheet: Final = f"/assets/pages-{hashlib.sha256(self._style).hexdigest()[:16]}.css"

    def render(
        self,
        visit: Visit,
        template: str,
        title: str,
        *,
        status: int = 200,
        may_end_at: Iterable[str] = (),
        is_own_window: bool = False,
        retry_after: int | None = None,
        headers: Headers = (),
        outcome: str = "ok",
        **values: Any,
    ) -> Response:
        """Return a page.

        Args:
            title: its heading, which also stands in the title of the window.
            may_end_at, is_own_window: see `page_headers`.
            retry_after: seconds until it is worth trying again; told by a header too.
            values: what the template asks for.
        """
        words = visit.words
        filled = {
            **_NOTHING,
            "title": title,
            "language": words.language,
            "direction": words.direction,
            "languages": visit.languages,
            "themes": visit.themes,
            "theme": None if visit.theme == "auto" else visit.theme,
            "brand": self._branding,
            "stylesheet": self.stylesheet,
            "is_demo": self._is_demo,
            "here": visit.here,
            "csrf": visit.csrf,
            "request_id": visit.request_id,
            "retry_after": retry_after,
            **values,
        }
        cookies = tuple((b"set-cookie", cookie) for cookie in visit.cookies)
        body = fill_in(template, words, filled)
        made = (*page_headers(may_end_at=may_end_at, is_own_window=is_own_window), *cookies, *retry_later(retry_after), *headers)
        return Response(status, body, made, outcome)

    def assets(self) -> dict[str, Response]:
        """Return what pages refer to, by path: it never changes under its address, so a browser may keep it."""
        found = {self.stylesheet: Response(200, self._style, ((b"content-type", b"text/css; charset=utf-8"), *_FOREVER))}
        logo = self._branding.logo
        if logo is not None:
            found[logo.path] = Response(200, logo.content, ((b"content-type", logo.media_type), *_FOREVER))
        return found
