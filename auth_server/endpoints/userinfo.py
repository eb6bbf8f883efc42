"""userinfo_endpoint: what a client may know of the person it signed in (OpenID Connect Core section 5.3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from auth_server.endpoints.contract import Endpoint
from auth_server.protocol import claims_request
from auth_server.protocol.scope import OPENID
from auth_server.protocol.user_claims import released_by_name, released_by_scope
from auth_server.store.store import Store
from auth_server.store.transaction import Transaction
from auth_server.tokens.local_verifier import LocalVerifier, NotOurs, OwnToken
from auth_server.web.bearer import BearerRefusal, bearer_token
from auth_server.web.door import Cors
from auth_server.web.request import Request
from auth_server.web.responses import Response, json_response
from shared import base64url


class UserinfoEndpoint(Endpoint):
    """`GET` and `POST /userinfo`, for access tokens whose audience is this issuer and whose scope has `openid`.

    A token for an API is refused here although it is ours: who holds it may be that API, and must not learn more of the person than
    the token says.
    """

    path = "/userinfo"
    methods = ("GET", "POST")
    cors = Cors.ANYBODY

    def __init__(self, *, verifier: LocalVerifier, store: Store, issuer: str) -> None:
        self._verifier = verifier
        self._store = store
        self._issuer = issuer

    def metadata(self, issuer: str) -> dict[str, object]:
        """Say where it is."""
        return {"userinfo_endpoint": issuer + self.path}

    async def answer(self, request: Request) -> Response:
        """Answer with the claims that the token's scopes and its request's `claims` release."""
        try:
            return json_response(await self._claims(await bearer_token(request)))
        except BearerRefusal as refusal:
            return refusal.response()

    async def _claims(self, text: str) -> Mapping[str, Any]:
        try:
            token = await self._verifier.access_token(text)
        except NotOurs as refusal:
            raise BearerRefusal(401, "invalid_token", "the access token is not valid here") from refusal
        if OPENID not in token.scope:
            raise BearerRefusal(403, "insufficient_scope", "the scope openid is needed", scope=OPENID)
        if self._issuer not in token.audience:
            raise BearerRefusal(401, "invalid_token", "the access token is not valid here")
        claims = await self._store.read(lambda tx: _released(tx, token))
        if claims is None:
            raise BearerRefusal(401, "invalid_token", "the access token is not valid here")
        return claims


def _released(tx: Transaction, token: OwnToken) -> dict[str, Any] | None:
    """Return the claims; None when the person is not there any more."""
    subject = token.text("sub") or ""
    known = tx.account_claims.known_of(tx.pairwise_subjects.account(subject) or subject)
    if known is None:
        return None
    asked = claims_request.parse(_claims_parameter(tx, token)).userinfo
    return released_by_scope(known, token.scope) | released_by_name(known, asked, token.scope) | {"sub": subject}


def _claims_parameter(tx: Transaction, token: OwnToken) -> str | None:
    """Return the `claims` parameter of the request behind a token: its family knows it, or the code it came from."""
    grant_id = token.text("grant_id")
    if grant_id is None:
        return None
    family_id = base64url.decode(grant_id.encode("ascii"))
    return tx.refresh_tokens.claims_of(family_id) or tx.authorization_codes.claims_of(family_id)
