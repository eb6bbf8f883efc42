"""token_endpoint: the pipeline of every token request (RFC 6749 section 3.2)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, Final

from auth_server.client_auth.authenticate import Authenticator
from auth_server.client_auth.contract import Presented
from auth_server.endpoints.contract import Endpoint
from auth_server.grants.contract import Grant, Outlives
from auth_server.protocol.authorization import Authorization
from auth_server.protocol.client import Client
from auth_server.protocol.directory import Directory
from auth_server.protocol.errors import TemporarilyUnavailable, UnauthorizedClient, UnsupportedGrantType
from auth_server.store.store import Store
from auth_server.store.transaction import Transaction
from auth_server.tokens.issuer import TokenAnswer, TokenIssuer
from auth_server.web.door import Cors
from auth_server.web.request import Request
from auth_server.web.request_facts import RequestFacts
from auth_server.web.responses import Response, json_response

# A row that changes under a request is read again; each time somebody else got ahead, so three times is a crowd.
_ATTEMPTS: Final = 3


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
        directory: Callable[[], Awaitable[Directory]],
        issuer: TokenIssuer,
        store: Store,
    ) -> None:
        self._authenticator = authenticator
        self._grants = grants
        self._directory = directory
        self._issuer = issuer
        self._store = store

    def metadata(self, issuer: str) -> dict[str, object]:
        """Say where it is, which grants it takes, and how clients prove themselves."""
        return {
            "token_endpoint": issuer + self.path,
            "grant_types_supported": list(self._grants),
            "token_endpoint_auth_methods_supported": [method.method for method in self._authenticator.methods],
        }

    async def answer(self, request: Request) -> Response:
        """Answer a token request."""
        form = await request.form()
        # The grant type is named first: a wrong one says nothing about any client.
        grant_type = form.required("grant_type")
        # 1. Authenticate the client.
        client = await self._authenticator.authenticate(Presented(form, request.header(b"authorization")))
        # 2. Find the grant, and ask whether this client may use it.
        grant = self._grant(grant_type, client)
        # 3. Parse; 4. decide; 5. sign and settle.
        asked = grant.parse(form)
        for _ in range(_ATTEMPTS):
            authorization = await self._decide(grant, asked, client, request)
            answer = await self._issuer.issue(authorization, request.facts)
            if answer is not None:
                return _token_response(answer)
        raise TemporarilyUnavailable("too many requests use this grant at once", retry_after=1)

    def _grant(self, grant_type: str, client: Client) -> Grant[Any, Any]:
        grant = self._grants.get(grant_type)
        if grant is None:
            raise UnsupportedGrantType("this server does not know that grant type")
        if not client.may_use(grant_type):
            raise UnauthorizedClient("this client may not use that grant type")
        return grant

    async def _decide(self, grant: Grant[Any, Any], asked: Any, client: Client, request: Request) -> Authorization:
        directory = await self._directory()
        facts = await self._store.read(lambda tx: grant.load(asked, client, tx)) if grant.reads else None
        try:
            return grant.decide(asked, facts, client, directory, self._store.clock.now_ms())
        except Outlives as outcome:
            # In a transaction of its own: the refusal that follows must not undo it. If it cannot be stored, the answer is 503, so
            # that nobody believes a family ended that lives on.
            await self._store.run(partial(_settle, outcome, request.facts))
            raise outcome.refusal from None


def _settle(outcome: Outlives, facts: RequestFacts, tx: Transaction) -> None:
    outcome.aftermath(tx, facts)


def _token_response(answer: TokenAnswer) -> Response:
    return json_response(answer.to_json())
