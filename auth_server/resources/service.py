"""Create, list and remove protected resources."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from auth_server.audit.events import EventName
from auth_server.audit.log import record
from auth_server.protocol.resource import Resource
from auth_server.resources.metadata import faults
from auth_server.store.freshness import Freshness, Remembered
from auth_server.store.store import Store
from auth_server.store.transaction import Transaction
from shared import jose


class ResourceRefused(ValueError):
    """The description makes no sense; `faults` has a sentence for each reason."""

    def __init__(self, found: Sequence[str]) -> None:
        super().__init__("; ".join(found))
        self.faults = tuple(found)


class Resources:
    """The protected resources of this issuer.

    Args:
        algorithms: those this server signs with.
    """

    def __init__(self, store: Store, freshness: Freshness, algorithms: Collection[str] = jose.ALGORITHMS) -> None:
        self._store = store
        self._algorithms = algorithms
        self._remembered: Remembered[None, Mapping[str, Resource]] = Remembered(
            store, freshness, lambda tx, _: tx.resources.all()
        )

    async def all(self) -> Mapping[str, Resource]:
        """Return every resource by its identifier. No database when they are remembered and fresh.

        Raises:
            StoreUnavailable: the database did not answer.
        """
        return await self._remembered.get(None)

    async def without_algorithm(self) -> list[str]:
        """Return the identifiers of resources that ask for an algorithm this server does not sign with: their tokens are refused.

        Raises:
            StoreUnavailable: the database did not answer.
        """
        return [name for name, resource in (await self.all()).items() if resource.signing_alg not in (None, *self._algorithms)]

    async def create(self, resource: Resource, *, actor: str = "operator") -> bool:
        """Store a resource; False when the identifier is taken.

        Raises:
            ResourceRefused: the description makes no sense.
        """
        if found := faults(resource, self._algorithms):
            raise ResourceRefused(found)

        def work(tx: Transaction) -> bool:
            if not tx.resources.create(resource):
                return False
            tx.change_directory()
            record(tx, EventName.RESOURCE_CREATED, actor=actor, detail={"resource": resource.identifier})
            return True

        return await self._store.run(work)

    async def delete(self, identifier: str) -> bool:
        """Delete a resource; False when there is none. Its tokens die with their lifetime."""

        def work(tx: Transaction) -> bool:
            if not tx.resources.delete(identifier):
                return False
            tx.change_directory()
            record(tx, EventName.RESOURCE_DELETED, actor="operator", detail={"resource": identifier})
            return True

        return await self._store.run(work)
