"""Clients that register themselves, manage their own registration, and are collected when nobody uses them (RFC 7591, RFC 7592)."""

from __future__ import annotations

import hashlib
import hmac
import math
import secrets
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Protocol

from auth_server.audit.events import EventName
from auth_server.audit.log import record
from auth_server.clients import secrets as client_secrets
from auth_server.clients.self_description import Offer, read_description
from auth_server.clients.service import Clients
from auth_server.protocol.client import Client, ClientSecret
from auth_server.protocol.errors import InvalidClientMetadata, TemporarilyUnavailable, TooManyRequests
from auth_server.protocol.resource import Resource
from auth_server.protocol.secret import Secret
from auth_server.rate_limits.addresses import single_address
from auth_server.store.client_registrations import InitialAccessToken
from auth_server.store.store import Store
from auth_server.store.transaction import Transaction
from auth_server.web.request_facts import RequestFacts

# Never one that reads like a person's sub, whatever a client asks for (RFC 9068 section 5).
_PREFIX: Final = "dyn-"
_METHOD: Final = "client_secret_basic"
_BURST: Final = 10
_INTERVAL_MS: Final = 60_000
_MOST_CLIENTS: Final = 10_000
# Whoever registers and never comes back within a day will not come back.
_NEVER_USED_MS: Final = 86_400_000
SLICE: Final = 100


class NotAllowed(Exception):
    """The token lets nobody do this: none, unknown, used up, over, or another client's."""


class Keys(Protocol):
    """Who makes the counters' keys."""

    def key_of(self, kind: str, value: str) -> bytes:
        """Return the key of a counter."""


@dataclass(frozen=True, slots=True)
class Registered:
    """A client, and what is told of it this once."""

    client: Client
    registration_token: Secret = field(repr=False)
    secret: Secret | None = field(repr=False, default=None)


class Registrations:
    """Registrations by clients themselves.

    Args:
        resources: what there is; its scopes are what they may ask for.
        algorithms: those this server signs with.
        needs_token: a registration takes an initial access token.
        unused_after: seconds after its last use when a client is collected.
    """

    def __init__(
        self,
        *,
        store: Store,
        clients: Clients,
        keys: Keys,
        resources: Callable[[], Awaitable[Mapping[str, Resource]]],
        algorithms: Collection[str],
        needs_token: bool,
        unused_after: float,
    ) -> None:
        self._store = store
        self._clients = clients
        self._keys = keys
        self._resources = resources
        self._algorithms = algorithms
        self._needs_token = needs_token
        self._unused_ms = round(unused_after * 1000)

    async def register(self, document: Mapping[str, Any], token: str | None, facts: RequestFacts) -> Registered:
        """Register a client.

        Raises:
            NotAllowed: an initial access token is needed, and this is none.
            InvalidRedirectUri, InvalidClientMetadata: what it says of itself cannot be taken; the token was not used.
            TooManyRequests: too many from this address. TemporarilyUnavailable: there are too many clients already.
        """
        if self._needs_token and token is None:
            raise NotAllowed("an initial access token is needed")
        client_id = _PREFIX + secrets.token_hex(16)
        client = replace(read_description(document, client_id, await self._offer(), method=_METHOD), is_dynamic=True)
        secret = client_secrets.generate() if client.has_secret else None
        registration_token = Secret(secrets.token_urlsafe(32))
        stored = replace(client, secrets=(ClientSecret(client_secrets.digest(secret)),) if secret else ())

        def work(tx: Transaction) -> int | None:
            if self._needs_token and tx.client_registrations.use_initial_token(digest(token or "")) is None:
                raise NotAllowed("no initial access token that is good here")
            counter = self._keys.key_of("registration", single_address(facts.address))
            charged = tx.attempts.charge(counter, interval_ms=_INTERVAL_MS, burst=_BURST)
            if not charged.admitted and not self._needs_token:
                return math.ceil(charged.wait_ms / 1000)
            if tx.client_registrations.count() >= _MOST_CLIENTS:
                raise TemporarilyUnavailable("there are too many registered clients", retry_after=3600)
            tx.clients.create(stored)
            tx.client_registrations.add(client_id, digest(registration_token.reveal()))
            tx.change_directory()
            record(tx, EventName.CLIENT_REGISTERED, facts=facts, actor="self", client_id=client_id)
            return None

        wait = await self._store.run(work)
        if wait is not None:
            raise TooManyRequests("too many registrations from this address", retry_after=wait)
        found = await self._clients.find_anew(client_id)
        return Registered(found or client, registration_token, secret)

    async def find(self, client_id: str, token: str) -> Client:
        """Return a client to whoever holds its registration token.

        Raises:
            NotAllowed: not its token, or no such client.
        """
        expected = await self._store.read(lambda tx: tx.client_registrations.token_digest(client_id))
        if not hmac.compare_digest(expected or bytes(32), digest(token)) or expected is None:
            raise NotAllowed("not the registration token of this client")
        client = await self._clients.find_anew(client_id)
        if client is None or client.disabled:
            raise NotAllowed("the client is gone or disabled")
        return client

    async def update(self, client_id: str, token: str, document: Mapping[str, Any], facts: RequestFacts) -> Client:
        """Replace a registration by what the client says now (RFC 7592 section 2.2). Its secret stays.

        Raises:
            NotAllowed: not its token.
            InvalidRedirectUri, InvalidClientMetadata: it cannot be taken; nothing was changed.
        """
        before = await self.find(client_id, token)
        if document.get("client_id") != client_id:
            raise InvalidClientMetadata("client_id must be the client's own")
        presented = document.get("client_secret")
        if presented is not None and not (
            isinstance(presented, str) and client_secrets.is_one_of(presented, before.secrets, self._store.clock.now())
        ):
            raise InvalidClientMetadata("client_secret must be left out, or be the client's own")
        after = read_description(document, client_id, await self._offer(), method=before.auth_method)
        if after.has_secret != before.has_secret:
            raise InvalidClientMetadata("a client with a secret stays one, and one without stays without: register anew")
        changed = replace(after, is_dynamic=True, secrets=before.secrets, created_at=before.created_at)

        def work(tx: Transaction) -> None:
            tx.clients.update(changed)
            tx.client_registrations.touch(client_id)
            tx.change_directory()
            record(tx, EventName.CLIENT_CHANGED, facts=facts, actor="self", client_id=client_id)

        await self._store.run(work)
        return changed

    async def delete(self, client_id: str, token: str) -> None:
        """Delete a client with its tokens (RFC 7592 section 2.3).

        Raises:
            NotAllowed: not its token.
        """
        await self.find(client_id, token)
        await self._clients.delete(client_id)

    async def collect(self) -> int:
        """Delete clients that nobody uses, a slice of them; return how many."""
        unused = await self._store.read(
            lambda tx: tx.client_registrations.unused(self._unused_ms, min(_NEVER_USED_MS, self._unused_ms), SLICE)
        )
        for client_id in unused:
            await self._clients.delete(client_id, actor="job")
        return len(unused)

    async def create_initial_token(self, name: str, uses: int, lifetime: int) -> tuple[InitialAccessToken, Secret]:
        """Make a token that lets somebody register `uses` clients within `lifetime` seconds; it is shown once."""
        text = Secret(secrets.token_urlsafe(32))
        made = InitialAccessToken(secrets.token_hex(6), name, uses, self._store.clock.now() + lifetime, digest(text.reveal()))

        def work(tx: Transaction) -> None:
            tx.client_registrations.add_initial_token(made)
            record(tx, EventName.REGISTRATION_TOKEN_CREATED, actor="operator", detail={"id": made.id, "uses": uses})

        await self._store.run(work)
        return made, text

    async def initial_tokens(self) -> list[InitialAccessToken]:
        """Return every initial access token that is known."""
        return await self._store.read(lambda tx: tx.client_registrations.initial_tokens())

    async def revoke_initial_token(self, token_id: str) -> bool:
        """End one; False when there is none."""

        def work(tx: Transaction) -> bool:
            if not tx.client_registrations.revoke_initial_token(token_id):
                return False
            record(tx, EventName.REGISTRATION_TOKEN_REVOKED, actor="operator", detail={"id": token_id})
            return True

        return await self._store.run(work)

    async def _offer(self) -> Offer:
        resources = await self._resources()
        return Offer(frozenset().union(*(resource.scopes for resource in resources.values())), self._algorithms)


def digest(token: str) -> bytes:
    """Return what is stored of a token: 256 random bits need no slow hash."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
