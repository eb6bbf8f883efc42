"""What this process remembers of the directory (clients, resources, roles), and when it must forget.

Every process asks for the directory's version a few times a second, off the path of any request. As long as the last answer is young,
remembered values are used without a look at the database; a change made anywhere is seen everywhere within a second, one made by this
process at once. When the version cannot be asked for, nothing remembered is used: a disabled client must not live on in a cache.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Final, Generic, TypeVar

from auth_server.clock import running_seconds
from auth_server.store.store import Store
from auth_server.store.transaction import Transaction

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

POLL_SECONDS: Final = 0.5
TRUSTED_SECONDS: Final = 5.0


class Freshness:
    """Follows the directory's version."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._version: int | None = None
        self._asked_at = float("-inf")
        self.generation = 0
        store.on_commit(self._committed)

    @property
    def version(self) -> int | None:
        """Return the version that was last asked for; None before the first time."""
        return self._version

    async def poll(self) -> None:
        """Ask for the version.

        Raises:
            StoreUnavailable: it could not be asked for; remembered values stop being used soon.
        """
        asked_at = running_seconds()
        version = await self._store.read(lambda tx: tx.directory.version())
        if version != self._version:
            self._version = version
            self.generation += 1
        self._asked_at = asked_at

    def is_trusted(self) -> bool:
        """Say whether remembered values may be used without asking."""
        return running_seconds() - self._asked_at < TRUSTED_SECONDS

    def _committed(self, _records: object, directory_changed: bool) -> None:
        if directory_changed:
            self.generation += 1


class Remembered(Generic[K, V]):
    """Values of the directory by key, remembered until it changes; bounded, the oldest go first."""

    def __init__(
        self, store: Store, freshness: Freshness, load: Callable[[Transaction, K], V], *, capacity: int = 10_000
    ) -> None:
        self._store = store
        self._freshness = freshness
        self._load = load
        self._capacity = capacity
        self._generation = -1
        self._values: dict[K, V] = {}

    def forget(self, key: K) -> None:
        """Let the next `get` of this key ask the database."""
        self._values.pop(key, None)

    async def get(self, key: K) -> V:
        """Return the value of a key, from memory when that is fresh.

        Raises:
            StoreUnavailable: it is not remembered and the database did not answer.
        """
        generation = self._freshness.generation
        if generation != self._generation:
            self._values = {}
            self._generation = generation
        if key in self._values and self._freshness.is_trusted():
            return self._values[key]
        value = await self._store.read(lambda tx: self._load(tx, key))
        # A change that came in between belongs to the next generation: do not remember the older value under it.
        # What does not exist is not remembered: a stranger could fill the memory with names of his own.
        if value is not None and generation == self._freshness.generation == self._generation:
            if len(self._values) >= self._capacity:
                del self._values[next(iter(self._values))]
            self._values[key] = value
        return value
