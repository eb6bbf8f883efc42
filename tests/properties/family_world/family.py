"""One refresh family that is put into any state of the model, and told as the model tells it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, delete, event, func, insert, select

from auth_server.protocol.refresh import RefreshToken
from auth_server.store.audit_events import AUDIT_EVENT
from auth_server.store.refresh_family_table import REFRESH_FAMILY
from auth_server.store.revocations import FEED_ENTRY
from auth_server.tokens import successor
from tests.models.refresh_family import Row
from tests.properties.family_world.process import CLIENT
from tests.support.builders import FAMILY_ID, NOTES, a_token
from tests.support.clock import START_MS
from tests.support.databases import Database

# One step of the model's time; the policy's quiet window is as long.
UNIT_MS: Final = 30_000
_FAR_MS: Final = 10**9


@dataclass(frozen=True)
class Stored:
    """What the database holds: the row as it is, the row in the model's words, and how many events and feed entries there are."""

    raw: dict[str, Any]
    row: Row
    events: int
    entries: int


class FamilyInDatabase:
    """The family, seen and changed behind the server's back."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._engine = database.engines().write
        if database.is_sqlite:
            event.listen(self._engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous=OFF"))
        with self._engine.begin() as connection:
            self._sub = connection.exec_driver_sql("SELECT sub FROM account ORDER BY username LIMIT 1").scalar_one()

    def put(self, row: Row, now: int) -> Stored:
        """Make the family look like this at this time."""
        self.database.clock.set(START_MS + now * UNIT_MS)
        with self._engine.begin() as connection:
            connection.execute(delete(REFRESH_FAMILY))
            connection.execute(insert(REFRESH_FAMILY).values(**self._columns(row, now)))
            return _stored(connection)

    def look(self) -> Stored:
        """Return what is there."""
        with self._engine.connect() as connection:
            return _stored(connection)

    def _columns(self, row: Row, now: int) -> dict[str, Any]:
        previous = a_token(row.seq - 1) if row.seq else None
        blob = None
        if previous is not None and not row.ended:
            blob = successor.seal(a_token(row.seq).text, under=previous.text, family_id=FAMILY_ID, seq=row.seq)
        end = START_MS + _FAR_MS
        return {
            "id": FAMILY_ID,
            "client_id": CLIENT.client_id,
            "sub": self._sub,
            "sid": None,
            "scope": ("notes:read",),
            "resource": NOTES,
            "seq": row.seq,
            "cur_hash": a_token(row.seq).digest,
            "prev_hash": None if previous is None else previous.digest,
            "rotated_at": START_MS + row.rotated_at * UNIT_MS,
            "issued_at": START_MS + row.issued_at * UNIT_MS,
            "cur_seen": row.seen,
            "replay_blob": blob,
            "replay_count": 0,
            "idle_expires_at": end,
            "absolute_expires_at": end,
            "revoked_at": START_MS + now * UNIT_MS if row.ended else None,
            "auth_time": START_MS // 1000,
            "acr": "1",
            "amr": ("pwd",),
            "created_at": START_MS,
        }


def generation(number: int) -> RefreshToken:
    """Return the token of a generation of a family that was put there."""
    return a_token(number)


def _stored(connection: Connection) -> Stored:
    raw = dict(connection.execute(select(REFRESH_FAMILY)).one()._mapping)
    row = Row(
        raw["seq"], _units(raw["rotated_at"]), _units(raw["issued_at"]), bool(raw["cur_seen"]), raw["revoked_at"] is not None
    )
    counts = [connection.execute(select(func.count()).select_from(table)).scalar_one() for table in (AUDIT_EVENT, FEED_ENTRY)]
    return Stored(raw, row, *counts)


def _units(ms: int) -> int:
    return (ms - START_MS) // UNIT_MS
