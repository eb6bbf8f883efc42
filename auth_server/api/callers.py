"""Who calls the first-party API about themselves: by the session's cookie, or by an access token of their own."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from auth_server.clients.service import FIRST_PARTY
from auth_server.protocol.client import Client
from auth_server.protocol.errors import ApiError
from auth_server.protocol.resource import ACCOUNT
from auth_server.sessions.service import Sessions
from auth_server.tokens.local_verifier import LocalVerifier, NotOurs
from auth_server.web.browser import Browser
from auth_server.web.cookies import CookieJar
from auth_server.web.csrf import HEADER, Csrf
from auth_server.web.request import Request

_ABOUT: Final = "/api/me"
_BEARER: Final = re.compile(rb"[Bb]earer +([A-Za-z0-9._~+/=-]+)")


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose account it is, and in which session; `cookie` None for a caller with an access token."""

    sub: str
    sid: str | None
    cookie: str | None = field(default=None, repr=False)


class OwnTokens:
    """Reads access tokens that this issuer signed for itself."""

    def __init__(self, verifier: LocalVerifier, issuer: str, find_client: Callable[[str], Awaitable[Client | None]]) -> None:
        self._verifier = verifier
        self._issuer = issuer
        self._find_client = find_client

    async def read(self, token: str, scope: str) -> Caller | None:
        """Return whose it is; None when it is no living token of ours, not for us, without the scope, or a client's that is not the
        operator's own.

        Raises:
            KeyUnavailable, StoreUnavailable: it cannot be judged now.
        """
        try:
            own = await self._verifier.access_token(token)
        except NotOurs:
            return None
        client_id, sub = own.text("client_id"), own.text("sub")
        if self._issuer not in own.audience or scope not in own.scope or client_id is None or sub is None or sub == client_id:
            return None
        client = FIRST_PARTY if client_id == FIRST_PARTY.client_id else await self._find_client(client_id)
        if client is None or (client.asks_for_consent and not client.is_first_party):
            return None
        return Caller(sub, own.text("sid"))


class Callers:
    """Tells callers apart."""

    def __init__(self, *, jar: CookieJar, csrf: Csrf, sessions: Sessions, tokens: OwnTokens) -> None:
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
            if match is None:
                raise _not_signed_in()
            caller = await self._tokens.read(match[1].decode("ascii"), ACCOUNT)
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
