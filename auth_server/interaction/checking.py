"""Checks an authorization request, wherever its parameters came from: the address, a form, or a pushed request."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from auth_server.clients.service import Clients
from auth_server.protocol.authorization_checks import Surroundings, check, return_address
from auth_server.protocol.authorization_parameters import Parameters
from auth_server.protocol.authorization_request import AuthorizationRequest
from auth_server.protocol.authorization_response import ReturnAddress
from auth_server.protocol.client import Client
from auth_server.protocol.directory import Directory
from auth_server.protocol.errors import PageError
from auth_server.tokens.local_verifier import LocalVerifier, NotOurs

REQUEST_URI_PREFIX: Final = "urn:ietf:params:oauth:request_uri:"


class RequestChecks:
    """Finds the client of a request, where its answer goes, and what it asks for."""

    def __init__(self, *, clients: Clients, directory: Callable[[], Awaitable[Directory]], verifier: LocalVerifier) -> None:
        self._clients = clients
        self._directory = directory
        self._verifier = verifier

    async def client(self, parameters: Parameters) -> Client:
        """Return the client that a request names.

        Raises:
            PageError: none, two, or one that may not ask.
            StoreUnavailable: the database did not answer.
        """
        client_id = parameters.get("client_id")
        if client_id is None or "client_id" in parameters.repeated:
            raise PageError("no client_id, or two")
        client = await self._clients.find(client_id)
        if client is None or client.disabled:
            # What is remembered may be half a second old: a client registered just now must work at once.
            client = await self._clients.find_anew(client_id)
        if client is None or client.disabled:
            raise PageError("no such client, or a disabled one")
        return client

    def address(self, parameters: Parameters, client: Client) -> ReturnAddress:
        """Return where the answer goes.

        Raises:
            PageError: that cannot be trusted.
        """
        return return_address(parameters, client)

    async def request(
        self, parameters: Parameters, client: Client, address: ReturnAddress, *, is_pushed: bool = False
    ) -> AuthorizationRequest:
        """Return the checked request.

        Raises:
            RedirectableError: it cannot be answered; the client is told why.
            StoreUnavailable: the database did not answer.
        """
        subject, fault = await self._hint(parameters, client)
        around = Surroundings((await self._directory()).resources, subject, fault, is_pushed)
        return check(parameters, client, address, around)

    async def _hint(self, parameters: Parameters, client: Client) -> tuple[str | None, str | None]:
        text = parameters.get("id_token_hint")
        if text is None:
            return None, None
        try:
            return (await self._verifier.hint(text, client.client_id)).text("sub"), None
        except NotOurs as refusal:
            return None, str(refusal)
