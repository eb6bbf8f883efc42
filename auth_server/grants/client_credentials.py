"""A client asks for itself (RFC 6749 section 4.4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from auth_server.grants.contract import Grant
from auth_server.protocol.authorization import Authorization
from auth_server.protocol.client import Client
from auth_server.protocol.directory import Directory
from auth_server.protocol.errors import InvalidScope, UnauthorizedClient
from auth_server.protocol.form import Form
from auth_server.protocol.resource import Resource, choose_audience
from auth_server.protocol.scope import UNOWNED, narrow_scope
from auth_server.store.transaction import Transaction

# Conclusions that are kept; only clients that proved themselves get to have any.
_KEPT: Final = 1000


@dataclass(frozen=True, slots=True)
class ClientCredentialsRequest:
    """The parameters of the grant."""

    scope: frozenset[str] | None
    resource: str | None


class ClientCredentials(Grant[ClientCredentialsRequest, None]):
    """Nothing is read and nothing is stored: the signature is the cost."""

    grant_type = "client_credentials"
    reads = False

    def __init__(self) -> None:
        # A service asks for the same thing every few minutes, and a conclusion depends on nothing but the objects it was made of.
        self._concluded: dict[tuple[str, ClientCredentialsRequest], tuple[Client, Mapping[str, Resource], Authorization]] = {}

    def parse(self, form: Form) -> ClientCredentialsRequest:
        """Read `scope` and `resource`."""
        request = ClientCredentialsRequest(form.scope(), form.optional("resource"))
        # There is no person whose identity could be told, and nobody who could be offline (RFC 6749 section 4.4.3).
        if request.scope and not UNOWNED.isdisjoint(request.scope):
            raise InvalidScope("scopes about a person make no sense for a client that acts for itself")
        return request

    def load(self, request: ClientCredentialsRequest, client: Client, tx: Transaction) -> None:
        """Read nothing."""

    def decide(
        self, request: ClientCredentialsRequest, facts: None, client: Client, directory: Directory, now_ms: int
    ) -> Authorization:
        """The client is its own subject (RFC 9068 section 2.2); it has no roles."""
        key, resources = (client.client_id, request), directory.resources
        if known := self._concluded.get(key):
            of_client, of_resources, authorization = known
            # By identity: what is remembered of the directory is read anew when anything in it changes.
            if of_client is client and of_resources is resources:
                return authorization
        if client.is_public:
            raise UnauthorizedClient("a public client cannot act for itself")
        resource = choose_audience(request.resource, request.scope, client, resources, client.default_resource)
        scope = narrow_scope(request.scope, client, resource, permissions=None)
        authorization = Authorization(client=client, subject=client.client_id, resource=resource, scope=scope)
        if len(self._concluded) >= _KEPT:
            self._concluded.clear()
        self._concluded[key] = (client, resources, authorization)
        return authorization
