"""The revocation feed: a head row that numbers, and the entries.

A number comes from the head row as the last thing a transaction does, so the order of commits is the order of numbers. With a plain
sequence a lower number may commit later, and a reader with a cursor would skip it for ever.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Column, Connection, Index, Table, Text, delete, func, insert, or_, select, update

from auth_server.store.schema import METADATA, Milliseconds, Number, now_ms
from shared.revocation import RevocationEntry, RevocationKind

FEED_HEAD: Final = Table(
    "feed_head", METADATA, Column("id", Number, primary_key=True, autoincrement=False), Column("seq", Number, nullable=False)
)

FEED_ENTRY: Final = Table(
    "feed_entry",
    METADATA,
    Column("n", Number, primary_key=True, autoincrement=False),
    Column("at", Milliseconds, nullable=False),
    Column("kind", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("not_before", Number),
    Column("until", Number, nullable=False),
    Index("ix_feed_entry_until", "until"),
    Index("ix_feed_entry_kind_key", "kind", "key"),
)


@dataclass(frozen=True, slots=True)
class NumberedEntry:
    """An entry with its number and the time of its writing (milliseconds, database clock)."""

    number: int
    at: int
    entry: RevocationEntry


class Revocations:
    """The feed within one transaction. Append through `Transaction.revoke`, which numbers entries at the very end."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def append(self, entries: Sequence[RevocationEntry]) -> int:
        """Number and store entries; the last statements of a transaction. Returns the head's new number."""
        step = update(FEED_HEAD).values(seq=FEED_HEAD.c.seq + len(entries)).returning(FEED_HEAD.c.seq, now_ms().label("at"))
        row = self._connection.execute(step).one()
        first = row.seq - len(entries) + 1
        rows = [
            {"n": first + i, "at": row.at, "kind": e.kind.value, "key": e.key, "not_before": e.not_before, "until": e.until}
            for i, e in enumerate(entries)
        ]
        self._connection.execute(insert(FEED_ENTRY), rows)
        return int(row.seq)

    def head(self) -> int:
        """Return the newest number."""
        return int(self._connection.execute(select(FEED_HEAD.c.seq)).scalar_one())

    def oldest(self) -> int | None:
        """Return the number of the oldest entry that was not forgotten; None when there is none."""
        number = self._connection.execute(select(func.min(FEED_ENTRY.c.n))).scalar_one()
        return None if number is None else int(number)

    def has_key_since(self, number: int) -> bool:
        """Say whether a signing key was named dead after `number`."""
        query = select(FEED_ENTRY.c.n).where(FEED_ENTRY.c.n > number, FEED_ENTRY.c.kind == RevocationKind.KID.value).limit(1)
        return self._connection.execute(query).first() is not None

    def matches(self, named: Sequence[tuple[str, str]], *, issued_at: int) -> bool:
        """Say whether an entry ends a token.

        Args:
            named: kind and key of every entry that could.
            issued_at: the token's `iat`, seconds.
        """
        names = or_(*((FEED_ENTRY.c.kind == kind) & (FEED_ENTRY.c.key == key) for kind, key in named))
        ends = or_(FEED_ENTRY.c.not_before.is_(None), FEED_ENTRY.c.not_before >= issued_at)
        return self._connection.execute(select(FEED_ENTRY.c.n).where(names, ends).limit(1)).first() is not None

    def since(self, number: int, limit: int) -> list[NumberedEntry]:
        """Return up to `limit` entries after `number`, in order."""
        query = select(FEED_ENTRY).where(FEED_ENTRY.c.n > number).order_by(FEED_ENTRY.c.n).limit(limit)
        return [
            NumberedEntry(row.n, row.at, RevocationEntry(RevocationKind(row.kind), row.key, row.until, row.not_before))
            for row in self._connection.execute(query)
        ]

    def forget(self, now: int, limit: int = 500) -> int:
        """Delete up to `limit` entries whose tokens have all expired (`until` before `now`, seconds); return how many."""
        dead = select(FEED_ENTRY.c.n).where(FEED_ENTRY.c.until < now).limit(limit)
        return self._connection.execute(delete(FEED_ENTRY).where(FEED_ENTRY.c.n.in_(dead))).rowcount
