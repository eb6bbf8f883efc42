"""The Shared Signals transmitter: its document, and the endpoints by which receivers manage their streams (SSF 1.0 sections 7 and 8).

A receiver is a confidential client that stands for an API (`introspects`), and proves itself by HTTP Basic: the bodies here are JSON,
so that no other method of the token endpoint has room in them.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Final

from auth_server.client_auth.authenticate import Authenticator
from auth_server.client_auth.contract import Presented
from auth_server.endpoints.contract import Endpoint
from auth_server.protocol.client import Client
from auth_server.protocol.errors import ApiError
from auth_server.protocol.form import Form
from auth_server.protocol.security_event import METHODS
from auth_server.signals.streams import Streams, status_document
from auth_server.web.door import Cors
from auth_server.web.request import Request
from auth_server.web.responses import NO_STORE, Response, json_response
from shared import json_text, well_known

_PATH: Final = "/ssf/streams"
_STATUS_PATH: Final = "/ssf/status"
_VERIFICATION_PATH: Final = "/ssf/verify"


class Receivers:
    """Tells receivers from everybody else."""

    def __init__(self, authenticator: Authenticator) -> None:
        self._authenticator = authenticator

    async def identify(self, request: Request) -> Client:
        """Return the receiver that asks.

        Raises:
            InvalidClient: nobody we know.
            ApiError: 403 it stands for no API.
        """
        client = await self._authenticator.authenticate(Presented.of(request, Form({})))
        if client.is_public or not client.introspects:
            raise ApiError(403, "not_a_receiver", "this client stands for no resource")
        return client


class SsfConfiguration(Endpoint):
    """`GET /.well-known/ssf-configuration`."""

    path = well_known.SSF_CONFIGURATION
    methods = ("GET",)
    cors = Cors.ANYBODY

    def __init__(self, issuer: str) -> None:
        self._issuer = issuer

    async def answer(self, request: Request) -> Response:
        """Answer with the document (section 7.1). Streams are about everybody, so there is nothing to add or remove subjects by."""
        issuer = self._issuer
        document = {
            "spec_version": "1_0",
            "issuer": issuer,
            "jwks_uri": issuer + well_known.JWKS,
            "delivery_methods_supported": list(METHODS),
            "configuration_endpoint": issuer + _PATH,
            "status_endpoint": issuer + _STATUS_PATH,
            "verification_endpoint": issuer + _VERIFICATION_PATH,
            "authorization_schemes": [{"spec_urn": "urn:ietf:rfc:7617"}],
            "default_subjects": "ALL",
        }
        return json_response(document, headers=((b"cache-control", b"public, max-age=300"),))


class ReceiverEndpoint(Endpoint):
    """An endpoint for receivers alone."""

    def __init__(self, streams: Streams, receivers: Receivers) -> None:
        self._streams = streams
        self._receivers = receivers

    async def answer(self, request: Request) -> Response:
        """Answer a receiver."""
        return await self.answer_receiver(request, await self._receivers.identify(request))

    @abstractmethod
    async def answer_receiver(self, request: Request, client: Client) -> Response:
        """Answer a receiver that proved itself."""


class StreamConfigurationEndpoint(ReceiverEndpoint):
    """`POST`, `GET`, `PATCH`, `PUT` and `DELETE /ssf/streams` (section 8.1.1)."""

    path = _PATH
    methods = ("POST", "GET", "PATCH", "PUT", "DELETE")

    async def answer_receiver(self, request: Request, client: Client) -> Response:
        """Make, show, change or delete a stream."""
        if request.method == "POST":
            return json_response(await self._streams.create(client, await request.json()), status=201)
        if request.method in ("PATCH", "PUT"):
            whole = request.method == "PUT"
            return json_response(await self._streams.change(client, await request.json(), whole=whole))
        stream_id = request.parameters().optional("stream_id")
        if request.method == "DELETE":
            await self._streams.delete(client, _required(stream_id))
            return Response(204, headers=NO_STORE)
        if stream_id is None:
            return _list(await self._streams.every(client))
        return json_response(self._streams.described(await self._streams.find(client, stream_id)))


class StreamStatusEndpoint(ReceiverEndpoint):
    """`GET` and `POST /ssf/status` (section 8.1.2)."""

    path = _STATUS_PATH
    methods = ("GET", "POST")

    async def answer_receiver(self, request: Request, client: Client) -> Response:
        """Show or set the status of a stream."""
        if request.method == "POST":
            return json_response(await self._streams.set_status(client, await request.json()))
        stream_id = _required(request.parameters().optional("stream_id"))
        return json_response(status_document(await self._streams.find(client, stream_id)))


class StreamVerificationEndpoint(ReceiverEndpoint):
    """`POST /ssf/verify` (section 8.1.4)."""

    path = _VERIFICATION_PATH
    methods = ("POST",)

    async def answer_receiver(self, request: Request, client: Client) -> Response:
        """Have a verification event sent."""
        await self._streams.verify(client, await request.json())
        return Response(204, headers=NO_STORE)


def _required(stream_id: str | None) -> str:
    if not stream_id:
        raise ApiError(400, "invalid_request", "stream_id is missing")
    return stream_id


def _list(values: list[dict[str, object]]) -> Response:
    body = "[" + ",".join(map(json_text.to_ascii, values)) + "]"
    return Response(200, body.encode("ascii"), ((b"content-type", b"application/json"), *NO_STORE))
