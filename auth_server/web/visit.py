"""Who looks at a page: in which language, in which colours, with which forms."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlencode

from auth_server.languages.catalogue import LANGUAGES, Catalogue, catalogue
from auth_server.languages.rules import choose_language, first_offered
from auth_server.protocol.errors import InvalidRequest
from auth_server.protocol.form import Form
from auth_server.web.cookies import CookieJar
from auth_server.web.request import Request

LANGUAGE_COOKIE: Final = "language"
THEME_COOKIE: Final = "theme"
THEMES: Final = ("auto", "light", "dark")
UI_LOCALES: Final = "ui_locales"
THEME: Final = "theme"
_YEAR: Final = 365 * 86_400


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several languages or themes, with the address of this page in it."""

    tag: str
    name: str
    link: str
    chosen: bool = False


@dataclass(frozen=True, slots=True)
class Visit:
    """One look at one page.

    `here` is the page's own path with what it is about; `csrf` the token of its forms ("" for a page without any); `cookies` are to be
    set by the answer.
    """

    words: Catalogue
    theme: str
    path: str
    parameters: tuple[tuple[str, str], ...]
    request_id: str
    cookies: tuple[bytes, ...] = ()
    csrf: str = field(default="", repr=False)

    @property
    def here(self) -> str:
        """Return the path of this page, with what it is about."""
        return self._link()

    @property
    def languages(self) -> tuple[Choice, ...]:
        """Return every language, with this page in it."""
        return tuple(Choice(tag, name, self._link((UI_LOCALES, tag))) for tag, name in LANGUAGES.items())

    @property
    def themes(self) -> tuple[Choice, ...]:
        """Return every theme, with this page in it."""
        return tuple(
            Choice(name, self.words.text(f"theme.{name}"), self._link((THEME, name)), name == self.theme) for name in THEMES
        )

    def _link(self, *more: tuple[str, str]) -> str:
        pairs = (*self.parameters, *more)
        return f"{self.path}?{urlencode(pairs)}" if pairs else self.path


def visit_of(
    request: Request,
    jar: CookieJar,
    *,
    about: tuple[str, ...] = (),
    ui_locales: str | None = None,
    setting: str | None = None,
) -> Visit:
    """Read who looks.

    Args:
        about: names of the parameters of the address that say what the page is about; all others are dropped.
        ui_locales: what the authorization request asks for.
        setting: the language that the person chose for their account.
    """
    parameters = _parameters(request)
    picked = first_offered((parameters.optional(UI_LOCALES) or "").split())
    cookie = request.cookie(jar.name(LANGUAGE_COOKIE))
    language = choose_language(
        ui_locales=picked or cookie or ui_locales,
        chosen=None,
        setting=setting,
        accept_language=_text(request, b"accept-language"),
    )
    theme = parameters.optional(THEME)
    cookies: tuple[bytes, ...] = () if picked is None else (jar.set(LANGUAGE_COOKIE, picked, _YEAR),)
    if theme in THEMES:
        cookies += (jar.set(THEME_COOKIE, theme, _YEAR),)
    else:
        theme = request.cookie(jar.name(THEME_COOKIE))
    return Visit(
        words=catalogue(language),
        theme=theme if theme in THEMES else "auto",
        path=request.path,
        parameters=tuple((name, value) for name in about if (value := parameters.optional(name)) is not None),
        request_id=request.facts.request_id,
        cookies=cookies,
    )


def _parameters(request: Request) -> Form:
    try:
        return request.parameters()
    except InvalidRequest:
        # A page that cannot be shown is refused elsewhere; what the refusal looks like must not depend on the same parameters.
        return Form({})


def _text(request: Request, name: bytes) -> str | None:
    try:
        value = request.header(name)
    except InvalidRequest:
        return None
    return None if value is None else value.decode("latin-1")
