"""revocation_endpoint: a client gives back a refresh token (RFC 7009)."""

from __future__ import annotations

from auth_server.client_auth.authenticate import Authenticator
from auth_server.client_auth.contract import Presented
from auth_server.endpoints.contract import Endpoint
from auth_server.protocol.errors import InvalidGrant, UnsupportedTokenType
from auth_server.protocol.refresh import RefreshToken
from auth_server.store.store import Store
from auth_server.store.transaction import Transaction
from auth_server.tokens.families import Families
from auth_server.web.door import Cors
from auth_server.web.request import Request
from auth_server.web.responses import NO_STORE, Response

_MAX_BYTES = 8 * 1024


class RevocationEndpoint(Endpoint):
    """`POST /revoke`. The family ends, and with it its access tokens at every resource server that follows the feed.

    An unknown token is answered like a real one (RFC 7009 section 2.2), another client's too, and its family lives on.
    """

    path = "/revoke"
    methods = ("POST",)
    cors = Cors.ANYBODY

    def __init__(self, *, authenticator: Authenticator, families: Families, store: Store) -> None:
        self._authenticator = authenticator
        self._families = families
        self._store = store

    def metadata(self, issuer: str) -> dict[str, object]:
        """Say where it is and how clients prove themselves."""
        return {"revocation_endpoint": issuer + self.path} | self._authenticator.metadata("revocation_endpoint")

    async def answer(self, request: Request) -> Response:
        """Answer a revocation request. `token_type_hint` is a hint: the token itself shows what it is."""
        form = await request.form(_MAX_BYTES)
        client = await self._authenticator.authenticate(Presented.of(request, form))
        text = form.required("token")
        if text.count(".") == 2:
            raise UnsupportedTokenType("access tokens end with their lifetime; revoke the refresh token instead")
        try:
            token = self._families.read(text)
        except InvalidGrant:
            return Response(200, headers=NO_STORE, outcome="unknown_token")

        def work(tx: Transaction) -> None:
            self._end(tx, token, client.client_id, request)

        await self._store.run(work)
        return Response(200, headers=NO_STORE)

    def _end(self, tx: Transaction, token: RefreshToken, client_id: str, request: Request) -> None:
        if self._families.load(tx, token, client_id) is not None:
            self._families.end(tx, token.family_id, "revoked_by_client", request.facts)
