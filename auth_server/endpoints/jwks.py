"""jwks_uri: the public halves of the ring (RFC 7517 section 5)."""

from __future__ import annotations

from collections.abc import Callable

from auth_server.endpoints.contract import Endpoint
from auth_server.web.door import Cors
from auth_server.web.request import Request
from auth_server.web.responses import Response
from shared import well_known


class JwksEndpoint(Endpoint):
    """`GET /.well-known/jwks.json`. The bytes are made when the ring changes; a request costs a comparison.

    A replica whose view of the ring is too old answers 503: a missing answer is harmless to whoever has a cache, a stale one may undo
    a revocation.
    """

    path = well_known.JWKS
    methods = ("GET",)
    cors = Cors.ANYBODY

    def __init__(self, published: Callable[[], tuple[bytes, str]], max_age: float) -> None:
        self._published = published
        self._cache_control = f"public, max-age={int(max_age)}".encode("ascii")

    def metadata(self, issuer: str) -> dict[str, object]:
        """Say where it is."""
        return {"jwks_uri": issuer + self.path}

    async def answer(self, request: Request) -> Response:
        """Answer with the key set, or with 304 when the caller has it."""
        body, etag = self._published()
        tag = etag.encode("ascii")
        headers = ((b"cache-control", self._cache_control), (b"etag", tag))
        known = request.header(b"if-none-match")
        if known is not None and (
            known.strip() == b"*" or tag in (part.strip().removeprefix(b"W/") for part in known.split(b","))
        ):
            return Response(304, headers=headers)
        return Response(200, body, (*headers, (b"content-type", b"application/jwk-set+json")))
