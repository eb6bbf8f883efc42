"""The access token in a cookie, for pages that share a host with the auth server and this API (docs/cookie-transport.md).

A cookie goes along with every request to its host, whoever wrote the page that sends it. So it counts only without an Authorization header,
and what changes something has to come from an origin that was named.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final
from urllib.parse import urlsplit

from resource_server.verifier.errors import InvalidRequest, NoToken, OriginNotAllowed

NAME: Final = "access_token"
# RFC 9110 section 9.2.1. A WebSocket is opened by GET and is none of them: it goes on to do what it likes.
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})


class CookieTransport:
    """Finds the token of a request that has no Authorization header.

    Args:
        origins: `scheme://host:port` of the pages that may act with a person's cookies, as browsers spell it (RFC 6454 section 6.2).
        issuer: says by its scheme what the cookie is called: over https it is pinned to this very host.

    Raises:
        ValueError: an origin that no browser would send.
    """

    def __init__(self, origins: Collection[str], issuer: str) -> None:
        if isinstance(origins, str):
            raise TypeError("cookie_origins is a collection of origins, not one origin")
        for origin in origins:
            parts = urlsplit(origin)
            if not parts.scheme or origin != f"{parts.scheme}://{parts.netloc}".lower():
                raise ValueError("cookie_origins must be scheme://host or scheme://host:port, in lower case, with no path")
        self._origins = frozenset(origin.encode("ascii") for origin in origins)
        self._wanted = f"__Host-{NAME}=".encode("ascii") if issuer.startswith("https:") else f"{NAME}=".encode("ascii")

    def find_token(self, method: str, cookies: Sequence[bytes], origins: Sequence[bytes]) -> bytes:
        """Return the token in the values of a request's Cookie headers.

        Args:
            method: of the request; anything that is not GET, HEAD or OPTIONS (a WebSocket, too) needs an origin.
            origins: the values of its Origin headers.

        Raises:
            NoToken: no such cookie.
            InvalidRequest: two of them.
            OriginNotAllowed: the request comes from a page that was not named, or does not say from which.
        """
        found = [
            part.strip()[len(self._wanted) :]
            for value in cookies
            for part in value.split(b";")
            if part.strip().startswith(self._wanted)
        ]
        if len(found) > 1:
            # Somebody on a sister's host may have planted one of them, and who could say which.
            raise InvalidRequest("the cookie with the access token is there twice")
        if not found or not found[0]:
            raise NoToken
        if method not in _SAFE and (len(origins) != 1 or origins[0] not in self._origins):
            came_from = ", ".join(origin.decode("latin-1") for origin in origins) or "none"
            raise OriginNotAllowed(f"Origin is {came_from!r}, allowed: {self._named()}; setting: cookie_origins")
        return found[0]

    def _named(self) -> str:
        return ", ".join(sorted(origin.decode("ascii") for origin in self._origins))
