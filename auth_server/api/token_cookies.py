"""The tokens of the cookie transport: in cookies that no script can read, on the host that pages, this server and the API share."""

from __future__ import annotations

from typing import Final

from auth_server.tokens.issuer import TokenAnswer
from auth_server.web.cookies import CookieJar
from auth_server.web.request import Request
from auth_server.web.responses import Headers

ACCESS_TOKEN: Final = "access_token"
REFRESH_TOKEN: Final = "refresh_token"


class TokenCookies:
    """Sets, reads and clears them. `refresh_lifetime`: seconds for which a refresh token may be of use."""

    def __init__(self, jar: CookieJar, refresh_lifetime: float) -> None:
        self._jar = jar
        self._refresh_lifetime = int(refresh_lifetime)

    def set(self, answer: TokenAnswer) -> Headers:
        """Return the headers that put an answer's tokens into the browser."""
        access = self._jar.set(ACCESS_TOKEN, answer.access_token, answer.expires_in)
        headers: Headers = ((b"set-cookie", access),)
        if answer.refresh_token is not None:
            headers += ((b"set-cookie", self._jar.set(REFRESH_TOKEN, answer.refresh_token, self._refresh_lifetime)),)
        return headers

    def clear(self) -> Headers:
        """Return the headers that take them out again."""
        return tuple((b"set-cookie", self._jar.set(name, "", 0)) for name in (ACCESS_TOKEN, REFRESH_TOKEN))

    def refresh_token(self, request: Request) -> str | None:
        """Return the refresh token of a request; None when there is none, or two of them."""
        return request.cookie(self._jar.name(REFRESH_TOKEN)) or None
