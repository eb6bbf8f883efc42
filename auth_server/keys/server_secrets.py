"""Named secrets that all replicas share: made once, sealed, loaded once, and then bytes in memory."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from auth_server.audit import log
from auth_server.audit.events import EventName
from auth_server.keys.sealing import KeyEncryptionKeys, SealedValue, row_context
from auth_server.store.server_secrets import SealedSecret
from auth_server.store.store import Store
from auth_server.store.transaction import Transaction

REFRESH_MAC: Final = "refresh-mac"
KNOWN_DEVICE: Final = "known-device"
PAGES: Final = "pages"

SECRET_BYTES: Final = 32
# An id takes one byte of a refresh token.
_IDS: Final = 256


@dataclass(frozen=True, slots=True)
class ServerSecret:
    """All values of one name by id: `current` makes new things, every other one still verifies old things."""

    name: str
    current_id: int
    values: Mapping[int, bytes] = field(repr=False)

    @property
    def current(self) -> bytes:
        """The value that new things are made with."""
        return self.values[self.current_id]


class ServerSecrets:
    """Makes and opens server secrets."""

    def __init__(self, *, store: Store, key_encryption_keys: KeyEncryptionKeys) -> None:
        self._store = store
        self._keks = key_encryption_keys

    async def load(self, name: str) -> ServerSecret:
        """Return a secret, made on first use; replicas that ask at the same moment get the same.

        Raises:
            CannotUnseal: it lies under a key encryption key that is not ours, or was changed.
            StoreUnavailable: the database did not answer.
        """
        rows = await self._store.read(lambda tx: tx.server_secrets.named(name))
        if not rows:
            await self._add(name, 0)
            rows = await self._store.read(lambda tx: tx.server_secrets.named(name))
        values = {row.id: self._open(row) for row in rows}
        return ServerSecret(name, rows[-1].id, MappingProxyType(values))

    async def rotate(self, name: str) -> ServerSecret:
        """Add a value that becomes the current one; other replicas use it after their next `load`.

        Raises:
            ValueError: all ids are in use; retire old ones first.
            CannotUnseal, StoreUnavailable: like `load`.
        """
        taken = (await self.load(name)).values.keys()
        free = next((number for number in range(max(taken) + 1, _IDS)), None)
        if free is None:
            raise ValueError(f"all {_IDS} ids of {name} are in use")
        await self._add(name, free)
        return await self.load(name)

    async def _add(self, name: str, number: int) -> None:
        sealed = self._keks.seal(secrets.token_bytes(SECRET_BYTES), secret_context(name, number))
        row = SealedSecret(name, number, sealed.blob, sealed.kek_id)

        def add(tx: Transaction) -> None:
            if tx.server_secrets.add(row):
                log.record(tx, EventName.SERVER_SECRET_CREATED, actor="server", detail={"name": name, "id": number})

        await self._store.run(add)

    def _open(self, row: SealedSecret) -> bytes:
        return self._keks.open(SealedValue(row.sealed, row.kek_id), secret_context(row.name, row.id))


def secret_context(name: str, number: int) -> tuple[str, ...]:
    """Return where a server secret belongs."""
    return row_context(table="server_secret", column="sealed", row=f"{name}/{number}")
