"""Which pages may act with a person's cookies: those of the configured origins, and no other.

A cookie goes along with every request to this host, whoever wrote the page that sends it. `SameSite=Lax` keeps other sites' requests
away, and not those of other origins of the same site (another port, a sister's host name), so the `Origin` is compared as well.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from auth_server.protocol.errors import ApiError, InvalidRequest
from auth_server.web.request import Request
from auth_server.web.responses import Headers

_VARY: Final = (b"vary", b"origin")


class OwnPages:
    """The origins of this product's own pages.

    Args:
        origins: `scheme://host:port`, as browsers spell them (RFC 6454 section 6.2).
    """

    def __init__(self, origins: Iterable[str]) -> None:
        self._origins = frozenset(origin.encode("ascii") for origin in origins)

    def check(self, request: Request) -> None:
        """Refuse a request that uses cookies and comes from a page that is not ours, or does not say where it comes from.

        Raises:
            ApiError: 403 `origin_not_allowed`.
        """
        origin = request.header(b"origin")
        # Browsers send Origin with every unsafe request; without it only their own word that it is the same origin counts.
        allowed = origin in self._origins if origin is not None else request.header(b"sec-fetch-site") == b"same-origin"
        if not allowed:
            raise ApiError(403, "origin_not_allowed", "a page of this origin may not act with a person's cookies here")

    def check_if_told(self, request: Request) -> None:
        """Like `check`, for a request that needs no cookie: a program that names no origin at all may send it.

        Raises:
            ApiError: 403 `origin_not_allowed`.
        """
        if request.header(b"origin") is not None:
            self.check(request)

    def cors(self, request: Request) -> Headers:
        """Return what lets a page of one of these origins read an answer, cookies included."""
        try:
            origin = request.header(b"origin")
        except InvalidRequest:
            return (_VARY,)
        if origin is None or origin not in self._origins:
            return (_VARY,)
        return (
            _VARY,
            (b"access-control-allow-origin", origin),
            (b"access-control-allow-credentials", b"true"),
            (b"access-control-expose-headers", b"retry-after, x-request-id"),
        )
