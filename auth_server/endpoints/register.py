"""registration_endpoint: clients register themselves (RFC 7591), and manage that registration by a token of their own (RFC 7592)."""

from __future__ import annotations

from typing import Any

from auth_server.clients.registrations import NotAllowed, Registered, Registrations
from auth_server.clients.self_description import described
from auth_server.endpoints.contract import Endpoint
from auth_server.protocol.client import Client
from auth_server.web.bearer import BearerRefusal, bearer_token
from auth_server.web.door import Cors
from auth_server.web.request import Request
from auth_server.web.responses import NO_STORE, Response, json_response

_MAX_BYTES = 64 * 1024
_PATH = "/register"


class RegistrationEndpoint(Endpoint):
    """`POST /register`. It is there only where an operator switched it on."""

    path = _PATH
    methods = ("POST",)
    cors = Cors.ANYBODY

    def __init__(self, registrations: Registrations, issuer: str) -> None:
        self._registrations = registrations
        self._issuer = issuer

    def metadata(self, issuer: str) -> dict[str, object]:
        """Say where it is."""
        return {"registration_endpoint": issuer + self.path}

    async def answer(self, request: Request) -> Response:
        """Answer with the client, its secret and its registration token: shown this once."""
        document = await request.json(_MAX_BYTES)
        try:
            token = await _token_or_none(request)
            made = await self._registrations.register(document, token, request.facts)
        except NotAllowed:
            error = None if request.header(b"authorization") is None else "invalid_token"
            return BearerRefusal(401, error, "an initial access token is needed").response()
        except BearerRefusal as refusal:
            return refusal.response()
        return json_response(_registered(made, self._issuer), status=201)


class ClientConfigurationEndpoint(Endpoint):
    """`GET`, `PUT` and `DELETE /register/{client_id}`, by the client's registration token. Whose else it is, is told to nobody."""

    path = f"{_PATH}/{{client_id}}"
    methods = ("GET", "PUT", "DELETE")

    def __init__(self, registrations: Registrations, issuer: str) -> None:
        self._registrations = registrations
        self._issuer = issuer

    async def answer(self, request: Request) -> Response:
        """Answer with the registration; 204 when it was deleted."""
        try:
            return await self._managed(request, request.path_parameter("client_id"), await bearer_token(request))
        except NotAllowed:
            return BearerRefusal(401, "invalid_token", "not the registration token of this client").response()
        except BearerRefusal as refusal:
            return refusal.response()

    async def _managed(self, request: Request, client_id: str, token: str) -> Response:
        if request.method == "DELETE":
            await self._registrations.delete(client_id, token)
            return Response(204, headers=NO_STORE)
        if request.method == "PUT":
            document = await request.json(_MAX_BYTES)
            client = await self._registrations.update(client_id, token, document, request.facts)
        else:
            client = await self._registrations.find(client_id, token)
        return json_response(_managed(client, token, self._issuer))


async def _token_or_none(request: Request) -> str | None:
    try:
        return await bearer_token(request)
    except BearerRefusal as refusal:
        if refusal.error is None:
            return None
        raise


def _registered(made: Registered, issuer: str) -> dict[str, Any]:
    members = _managed(made.client, made.registration_token.reveal(), issuer)
    if made.secret is not None:
        members |= {"client_secret": made.secret.reveal(), "client_secret_expires_at": 0}
    return members


def _managed(client: Client, token: str, issuer: str) -> dict[str, Any]:
    return described(client) | {
        "client_id_issued_at": client.created_at,
        "registration_access_token": token,
        "registration_client_uri": f"{issuer}{_PATH}/{client.client_id}",
    }
