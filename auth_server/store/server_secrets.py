"""Secrets the server made for itself (MAC keys, cookie keys), sealed, by name and number.

Replicas agree on them because only the first one to insert a number wins; the others read what it stored.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import Column, Connection, Table, Text, bindparam, select, update
from sqlalchemy.dialects.postgresql import insert

from auth_server.store.schema import METADATA, Milliseconds, Number, Sealed, now_ms

SERVER_SECRET: Final = Table(
    "server_secret",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("id", Number, primary_key=True, autoincrement=False),
    Column("sealed", Sealed, nullable=False),
    Column("kek_id", Text, nullable=False),
    Column("created_at", Milliseconds, nullable=False),
)

_ROW: Final = SERVER_SECRET.c
_NAMED: Final = select(SERVER_SECRET).where(_ROW.name == bindparam("wanted")).order_by(_ROW.created_at, _ROW.id)
_EVERY: Final = select(SERVER_SECRET).order_by(_ROW.name, _ROW.id)
_INSERT: Final = (
    insert(SERVER_SECRET)
    .values({name: bindparam(name) for name in ("name", "id", "sealed", "kek_id")} | {"created_at": now_ms()})
    .on_conflict_do_nothing()
    .returning(_ROW.id)
)
_REWRAP: Final = (
    update(SERVER_SECRET)
    .where(_ROW.name == bindparam("wanted"), _ROW.id == bindparam("number"), _ROW.kek_id == bindparam("old_kek"))
    .values(sealed=bindparam("new_sealed"), kek_id=bindparam("new_kek"))
)


@dataclass(frozen=True, slots=True)
class SealedSecret:
    """One secret as it lies in the database."""

    name: str
    id: int
    sealed: bytes = field(repr=False)
    kek_id: str


class ServerSecrets:
    """Server secrets within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def named(self, name: str) -> list[SealedSecret]:
        """Return the secrets of one name, the newest (the current one) last."""
        return [
            SealedSecret(row.name, row.id, bytes(row.sealed), row.kek_id)
            for row in self._connection.execute(_NAMED, {"wanted": name})
        ]

    def every(self) -> list[SealedSecret]:
        """Return all of them."""
        return [SealedSecret(row.name, row.id, bytes(row.sealed), row.kek_id) for row in self._connection.execute(_EVERY)]

    def add(self, secret: SealedSecret) -> bool:
        """Store a secret, unless its name and number are taken."""
        row = {"name": secret.name, "id": secret.id, "sealed": secret.sealed, "kek_id": secret.kek_id}
        return self._connection.execute(_INSERT, row).first() is not None

    def rewrap(self, secret: SealedSecret, *, old_kek_id: str) -> bool:
        """Replace the sealed form, if it is still under `old_kek_id`."""
        row = {
            "wanted": secret.name,
            "number": secret.id,
            "new_sealed": secret.sealed,
            "new_kek": secret.kek_id,
            "old_kek": old_kek_id,
        }
        return bool(self._connection.execute(_REWRAP, row).rowcount == 1)
