"""Register, find, change and remove clients."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import replace
from typing import Final

from auth_server.audit.events import EventName
from auth_server.audit.log import record
from auth_server.clients import secrets
from auth_server.clients.metadata import RegistrationRules, faults
from auth_server.protocol.client import FIRST_PARTY_CLIENT_ID, Client, ClientSecret
from auth_server.protocol.secret import Secret
from auth_server.revocation.feed import Feed
from auth_server.store.freshness import Freshness, Remembered
from auth_server.store.store import Store
from auth_server.store.transaction import Transaction
from shared import jose

# How long the old secret still works after a rotation, unless the operator says otherwise: time to deploy the new one.
ROTATION_OVERLAP_SECONDS: Final = 24 * 3600

# The seed flow's client is part of the program: it cannot be changed, disabled or deleted.
FIRST_PARTY: Final = Client(
    client_id=FIRST_PARTY_CLIENT_ID,
    name="First-party sign-in",
    auth_method="none",
    grants=frozenset({"refresh_token"}),
    scope=frozenset(),
)


async def _nobody(_client_id: str) -> None:
    return None


class RegistrationRefused(ValueError):
    """The registration makes no sense; `faults` has a sentence for each reason."""

    def __init__(self, found: Sequence[str]) -> None:
        super().__init__("; ".join(found))
        self.faults = tuple(found)


class Clients:
    """The clients of this issuer.

    Args:
        algorithms: those this server signs with.
    """

    def __init__(self, store: Store, freshness: Freshness, feed: Feed, algorithms: Collection[str] = jose.ALGORITHMS) -> None:
        self._store = store
        self._algorithms = algorithms
        self._feed = feed
        # Finds a client that is not registered; where documents count, that is behind its name.
        self.find_elsewhere: Callable[[str], Awaitable[Client | None]] = _nobody
        self._remembered: Remembered[str, Client | None] = Remembered(store, freshness, lambda tx, cid: tx.clients.find(cid))

    async def find(self, client_id: str) -> Client | None:
        """Return a client, disabled ones too; None when there is none. No database when it is remembered and fresh.

        Raises:
            StoreUnavailable: the database did not answer.
        """
        if client_id == FIRST_PARTY_CLIENT_ID:
            return FIRST_PARTY
        registered = await self._remembered.get(client_id)
        # What an operator registered under a URL comes before what is behind the URL: so such a client can be disabled.
        return registered or await self.find_elsewhere(client_id)

    async def find_anew(self, client_id: str) -> Client | None:
        """Return a client as the database has it now.

        Raises:
            StoreUnavailable: the database did not answer.
        """
        self._remembered.forget(client_id)
        return await self.find(client_id)

    async def alg_of(self, client_id: str) -> str | None:
        """Return the algorithm that a client asks for; None for the server's default.

        Raises:
            StoreUnavailable: the database did not answer.
        """
        client = await self.find(client_id)
        return None if client is None else client.signing_alg

    async def register(
        self, client: Client, rules: RegistrationRules, given_secret: Secret | None = None, *, actor: str = "operator"
    ) -> Secret | None:
        """Store a new client; return the secret made for it (shown once), or None for one that has none or when one was given.

        Raises:
            RegistrationRefused: it makes no sense, or the name is taken (`faults`).
        """
        made = secrets.generate() if client.has_secret and not given_secret else None
        secret = made or given_secret
        self._check(client, rules, given_secret)
        stored = replace(client, secrets=(ClientSecret(secrets.digest(secret)),) if secret else ())

        def work(tx: Transaction) -> None:
            if not tx.clients.create(stored):
                raise RegistrationRefused([f"client {client.client_id} exists already"])
            tx.change_directory()
            record(tx, EventName.CLIENT_CREATED, actor=actor, client_id=client.client_id)

        await self._store.run(work)
        return made

    async def register_without_secret(self, client: Client, rules: RegistrationRules, *, actor: str) -> bool:
        """Store a new client that cannot prove itself before a secret is made for it; False when the name is taken.

        Raises:
            RegistrationRefused: it makes no sense.
        """
        self._check(client, rules, None)

        def work(tx: Transaction) -> bool:
            if not tx.clients.create(client):
                return False
            tx.change_directory()
            record(tx, EventName.CLIENT_CREATED, actor=actor, client_id=client.client_id)
            return True

        return await self._store.run(work)

    async def update(self, client: Client, rules: RegistrationRules, *, actor: str = "operator") -> bool:
        """Change a registration, not its secrets; False when there is no such client.

        Raises:
            RegistrationRefused: it makes no sense.
        """
        self._check(client, rules, None)

        def work(tx: Transaction) -> bool:
            if not tx.clients.update(client):
                return False
            tx.change_directory()
            record(tx, EventName.CLIENT_CHANGED, actor=actor, client_id=client.client_id)
            return True

        return await self._store.run(work)

    async def rotate_secret(self, client_id: str, *, overlap: int = ROTATION_OVERLAP_SECONDS) -> Secret | None:
        """Make a new secret and return it; the old ones end `overlap` seconds from now. None when no client with a secret has that name."""
        client = await self.find(client_id)
        if client is None or not client.has_secret:
            return None
        secret = secrets.generate()

        def work(tx: Transaction) -> None:
            tx.clients.expire_secrets(client_id, tx.clock.now() + overlap)
            tx.clients.add_secret(client_id, ClientSecret(secrets.digest(secret)))
            tx.change_directory()
            record(tx, EventName.CLIENT_SECRET_ROTATED, actor="operator", client_id=client_id, detail={"overlap": overlap})

        await self._store.run(work)
        return secret

    async def disable(self, client_id: str) -> bool:
        """Disable a client: its families end, its tokens go on the feed. False when there is none or it was disabled."""

        def work(tx: Transaction) -> bool:
            if not tx.clients.disable(client_id):
                return False
            self._end(tx, client_id, "client_disabled")
            record(tx, EventName.CLIENT_DISABLED, actor="operator", client_id=client_id)
            return True

        return await self._store.run(work)

    async def delete(self, client_id: str, *, actor: str = "operator") -> bool:
        """Delete a client: its families end, its tokens go on the feed. False when there is none."""

        def work(tx: Transaction) -> bool:
            if not tx.clients.delete(client_id):
                return False
            self._end(tx, client_id, "client_deleted")
            record(tx, EventName.CLIENT_DELETED, actor=actor, client_id=client_id)
            return True

        return await self._store.run(work)

    async def page(self, after: str = "", limit: int = 100) -> list[Client]:
        """Return up to `limit` clients whose names come behind `after`."""
        return await self._store.read(lambda tx: tx.clients.after(after, limit))

    def _end(self, tx: Transaction, client_id: str, reason: str) -> None:
        tx.refresh_tokens.revoke_of_client(client_id, reason)
        tx.device_codes.revoke_of_client(client_id)
        tx.change_directory()
        self._feed.revoke_client(tx, client_id)

    def _check(self, client: Client, rules: RegistrationRules, given_secret: Secret | None) -> None:
        found = faults(client, rules, self._algorithms)
        if given_secret is not None:
            if not client.has_secret:
                found.append(f"{client.kind} has no secret")
            try:
                secrets.check_given(given_secret)
            except ValueError as error:
                found.append(str(error))
        if found:
            raise RegistrationRefused(found)
