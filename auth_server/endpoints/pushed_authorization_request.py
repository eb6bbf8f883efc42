"""pushed_authorization_request_endpoint: a client sends its authorization request itself, and gets a name for it (RFC 9126)."""

from __future__ import annotations

import secrets
from typing import Final

from auth_server.client_auth.authenticate import Authenticator
from auth_server.client_auth.contract import Presented
from auth_server.endpoints.contract import Endpoint
from auth_server.interaction.checking import REQUEST_URI_PREFIX, RequestChecks
from auth_server.protocol.authorization_parameters import Parameters
from auth_server.protocol.authorization_response import RedirectableError
from auth_server.protocol.client import Client
from auth_server.protocol.errors import InvalidRequest, PageError
from auth_server.protocol.form import Form
from auth_server.store.store import Store
from auth_server.web.browser import digest
from auth_server.web.door import Cors
from auth_server.web.request import Request
from auth_server.web.responses import Response, json_response

LIFETIME_SECONDS: Final = 90
_BYTES: Final = 32
# How the client proves itself is no part of what it asks for.
_OF_THE_CLIENT: Final = frozenset({"client_secret", "client_assertion", "client_assertion_type"})


class PushedAuthorizationRequestEndpoint(Endpoint):
    """`POST /par`. The parameters never pass through the browser, so nobody on the way reads or changes them."""

    path = "/par"
    methods = ("POST",)
    cors = Cors.ANYBODY

    def __init__(self, *, authenticator: Authenticator, checks: RequestChecks, store: Store) -> None:
        self._authenticator = authenticator
        self._checks = checks
        self._store = store

    def metadata(self, issuer: str) -> dict[str, object]:
        """Say where it is; clients may be registered so that they must use it."""
        return {
            "pushed_authorization_request_endpoint": issuer + self.path,
            "require_pushed_authorization_requests": False,
        }

    async def answer(self, request: Request) -> Response:
        """Answer with the name that the request has for the next 90 seconds."""
        form = await request.form()
        client = await self._authenticator.authenticate(Presented.of(request, form))
        text = await self._checked(form, client)
        request_uri = REQUEST_URI_PREFIX + secrets.token_urlsafe(_BYTES)
        await self._store.run(
            lambda tx: tx.pushed_requests.add(
                digest=digest(request_uri), client_id=client.client_id, request=text, lifetime_ms=LIFETIME_SECONDS * 1000
            )
        )
        return json_response({"request_uri": request_uri, "expires_in": LIFETIME_SECONDS}, status=201)

    async def _checked(self, form: Form, client: Client) -> str:
        if form.optional("request_uri") is not None:
            raise InvalidRequest("a pushed request holds no request_uri")
        parameters = Parameters({**form.values_but(_OF_THE_CLIENT), "client_id": client.client_id})
        try:
            address = self._checks.address(parameters, client)
            return (await self._checks.request(parameters, client, address, is_pushed=True)).to_text()
        except PageError as error:
            raise InvalidRequest("the redirect_uri is not registered for this client", detail=error.detail) from error
        except RedirectableError as error:
            raise _Refused(error) from error


class _Refused(InvalidRequest):
    """A refusal of the front channel, told in the back channel with the same code (RFC 9126 section 2.3)."""

    def __init__(self, refusal: RedirectableError) -> None:
        super().__init__(refusal.description, detail=refusal.detail)
        self.error = refusal.error
