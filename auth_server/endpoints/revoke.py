"""revocation_endpoint: a client gives back a token (RFC 7009)."""

from __future__ import annotations

from auth_server.client_auth.authenticate import Authenticator
from auth_server.client_auth.contract import Presented
from auth_server.endpoints.contract import Endpoint
from auth_server.protocol.errors import InvalidGrant
from auth_server.protocol.refresh import RefreshToken
from auth_server.revocation.feed import Feed
from auth_server.store.store import Store
from auth_server.store.transaction import Transaction
from auth_server.tokens.families import Families
from auth_server.tokens.local_verifier import LocalVerifier, NotOurs, OwnToken
from auth_server.tokens.revocation import end_access_token
from auth_server.web.door import Cors
from auth_server.web.request import Request
from auth_server.web.responses import NO_STORE, Response

_MAX_BYTES = 8 * 1024


class RevocationEndpoint(Endpoint):
    """`POST /revoke`. Of a refresh token the family ends, and with it its access tokens at every resource server that follows the feed;
    an access token ends alone.

    An unknown token is answered like a real one (RFC 7009 section 2.2), another client's too, and its family lives on.
    """

    path = "/revoke"
    methods = ("POST",)
    cors = Cors.ANYBODY

    def __init__(
        self, *, authenticator: Authenticator, families: Families, verifier: LocalVerifier, feed: Feed, store: Store
    ) -> None:
        self._authenticator = authenticator
        self._families = families
        self._verifier = verifier
        self._feed = feed
        self._store = store

    def metadata(self, issuer: str) -> dict[str, object]:
        """Say where it is and how clients prove themselves."""
        return {"revocation_endpoint": issuer + self.path} | self._authenticator.metadata("revocation_endpoint")

    async def answer(self, request: Request) -> Response:
        """Answer a revocation request. `token_type_hint` is a hint: the token itself shows what it is."""
        form = await request.form(_MAX_BYTES)
        client = await self._authenticator.authenticate(Presented.of(request, form))
        text = form.required("token")
        try:
            if text.count(".") == 2:
                await self._end_access_token(await self._verifier.access_token(text), client.client_id, request)
            else:
                token = self._families.read(text)
                await self._store.run(lambda tx: self._end(tx, token, client.client_id, request))
        except (InvalidGrant, NotOurs):
            return Response(200, headers=NO_STORE, outcome="unknown_token")
        return Response(200, headers=NO_STORE)

    async def _end_access_token(self, token: OwnToken, client_id: str, request: Request) -> None:
        if token.text("client_id") == client_id:
            reason = "revoked_by_client"
            await self._store.run(lambda tx: end_access_token(tx, self._feed, token, reason, facts=request.facts))

    def _end(self, tx: Transaction, token: RefreshToken, client_id: str, request: Request) -> None:
        if self._families.load(tx, token, client_id) is not None:
            self._families.end(tx, token.family_id, "revoked_by_client", request.facts)
