"""Who calls the first-party API about themselves: by the session's cookie, or by an access token of their own."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final, Protocol

from auth_server.protocol.errors import ApiError
from auth_server.sessions.service import Sessions
from auth_server.web.browser import Browser
from auth_server.web.cookies import CookieJar
from auth_server.web.csrf import HEADER, Csrf
from auth_server.web.request import Request

ACCOUNT_SCOPE: Final = "account"
_ABOUT: Final = "/api/me"
_BEARER: Final = re.compile(rb"[Bb]earer +([A-Za-z0-9._~+/=-]+)")


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose account it is, and in which session; `cookie` None for a caller with an access token."""

    sub: str
    sid: str | None
    cookie: str | None = field(default=None, repr=False)


class ReadsOwnTokens(Protocol):
    """Verifies an access token of ours for this server itself."""

    async def __call__(self, token: str, scope: str) -> Caller | None:
        """Return whose it is; None when it is no token of ours, not for us, without the scope, or ended."""


class Callers:
    """Tells callers apart."""

    def __init__(self, *, jar: CookieJar, csrf: Csrf, sessions: Sessions, tokens: ReadsOwnTokens | None = None) -> None:
        self._jar = jar
        self._csrf = csrf
        self._sessions = sessions
        self._tokens = tokens

    async def identify(self, request: Request, *, is_change: bool) -> Caller:
        """Return who calls.

        Args:
            is_change: a request that changes something: by a cookie alone, another site could have it sent.

        Raises:
            ApiError: 401 `not_signed_in`; 403 `csrf`.
            StoreUnavailable: the database did not answer.
        """
        authorization = request.header(b"authorization")
        if authorization is not None:
            match = _BEARER.fullmatch(authorization)
            if match is None or self._tokens is None:
                raise _not_signed_in()
            caller = await self._tokens(match[1].decode("ascii"), ACCOUNT_SCOPE)
            if caller is None:
                raise _not_signed_in()
            return caller
        browser = Browser.of(request, self._jar)
        held = await self._sessions.in_browser(browser.session)
        if not held:
            raise _not_signed_in()
        if is_change:
            sent = request.header(HEADER)
            self._csrf.check(request, None if sent is None else sent.decode("latin-1"), browser.session, _ABOUT)
        return Caller(held[0].sub, held[0].sid, browser.session)

    def csrf_token(self, caller: Caller) -> str | None:
        """Return what a page of ours sends in `X-CSRF-Token`; None for a caller without a cookie."""
        return None if caller.cookie is None else self._csrf.token(caller.cookie, _ABOUT)


def _not_signed_in() -> ApiError:
    return ApiError(401, "not_signed_in", "Sign in first.")
