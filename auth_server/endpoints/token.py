"""token_endpoint: the pipeline of every token request (RFC 6749 section 3.2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from auth_server.client_auth.authenticate import Authenticator
from auth_server.client_auth.contract import Presented
from auth_server.endpoints.contract import Endpoint
from auth_server.grants.contract import Grant
from auth_server.grants.redemption import Redemption
from auth_server.protocol.client import Client
from auth_server.protocol.errors import UnauthorizedClient, UnsupportedGrantType
from auth_server.tokens.issuer import TokenAnswer
from auth_server.web.door import Cors
from auth_server.web.request import Request
from auth_server.web.responses import Response, json_response


class TokenEndpoint(Endpoint):
    """`POST /token`. A value comes back or an OAuthError goes out; nothing is written on the request."""

    path = "/token"
    methods = ("POST",)
    cors = Cors.ANYBODY

    def __init__(
        self,
        *,
        authenticator: Authenticator,
        grants: Mapping[str, Grant[Any, Any]],
        redemption: Redemption,
    ) -> None:
        self._authenticator = authenticator
        self._grants = grants
        self._redemption = redemption

    def metadata(self, issuer: str) -> dict[str, object]:
        """Say where it is, which grants it takes, and how clients prove themselves."""
        return {
            "token_endpoint": issuer + self.path,
            "grant_types_supported": list(self._grants),
        } | self._authenticator.metadata("token_endpoint")

    async def answer(self, request: Request) -> Response:
        """Answer a token request."""
        form = await request.form()
        # The grant type is named first: a wrong one says nothing about any client.
        grant_type = form.required("grant_type")
        # 1. Authenticate the client.
        client = await self._authenticator.authenticate(Presented.of(request, form))
        # 2. Find the grant, and ask whether this client may use it.
        grant = self._grant(grant_type, client)
        # 3. Parse. 4. Decide; 5. sign and settle: grants/redemption.py.
        asked = grant.parse(form)
        return _token_response(await self._redemption.redeem(grant, asked, client, request.facts))

    def _grant(self, grant_type: str, client: Client) -> Grant[Any, Any]:
        grant = self._grants.get(grant_type)
        if grant is None:
            raise UnsupportedGrantType("this server does not know that grant type")
        if not client.may_use(grant_type):
            raise UnauthorizedClient("this client may not use that grant type")
        return grant


def _token_response(answer: TokenAnswer) -> Response:
    return json_response(answer.to_json())
