"""Is this process alive, and should it be sent requests?"""

from __future__ import annotations

from dataclasses import dataclass

from auth_server.keys.keyring import Keyring
from auth_server.protocol.errors import StoreUnavailable
from auth_server.store.store import Store


@dataclass(frozen=True, slots=True)
class Check:
    """One question of readiness; `fault` is None when the answer is yes."""

    name: str
    fault: str | None


class Health:
    """Readiness: the database answers, its schema is ours, a key can sign, and the process is not on its way out."""

    def __init__(self, store: Store, keyring: Keyring) -> None:
        self._store = store
        self._keyring = keyring
        self._schema_is_known = False
        self.draining = False

    async def checks(self) -> list[Check]:
        """Ask everything once."""
        return [
            Check("database", await self._database_fault()),
            Check("signing_key", self._keyring.fault()),
            Check("draining", "the process is stopping" if self.draining else None),
        ]

    async def _database_fault(self) -> str | None:
        try:
            if not self._schema_is_known:
                self._schema_is_known = self._store.is_at_head()
            await self._store.read(lambda tx: tx.directory.version())
        except StoreUnavailable as error:
            return str(error)
        return None if self._schema_is_known else "the schema is not the one this version needs: run auth-server migrate"
