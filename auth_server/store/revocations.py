"""The revocation feed: a head row that numbers, and the entries.

A number comes from the head row as the last thing a transaction does, so the order of commits is the order of numbers. With a plain
sequence a lower number may commit later, and a reader with a cursor would skip it for ever.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Column, Connection, Index, Table, Text, and_, bindparam, delete, func, insert, or_, select, update

from auth_server.store.directory import DIRECTORY_VERSION
from auth_server.store.schema import METADATA, Milliseconds, Number, now_ms
from shared.revocation import RevocationEntry, RevocationKind

# How long a commit may take to become visible after its entries got their time.
COMMIT_MARGIN_MS: Final = 250

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


_STANDING: Final = select(
    select(DIRECTORY_VERSION.c.version).scalar_subquery(),
    select(func.max(FEED_ENTRY.c.not_before))
    .where(
        or_(
            and_(FEED_ENTRY.c.kind == RevocationKind.SUBJECT.value, FEED_ENTRY.c.key == bindparam("sub")),
            and_(FEED_ENTRY.c.kind == RevocationKind.CLIENT.value, FEED_ENTRY.c.key == bindparam("client_id")),
            and_(FEED_ENTRY.c.kind == RevocationKind.ALL.value, FEED_ENTRY.c.key == ""),
        )
    )
    .scalar_subquery(),
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
        # Who read something just before this commit became visible read what was true before it, perhaps a second later by the clock.
        least = (int(row.at) + COMMIT_MARGIN_MS) // 1000
        bounds = [None if e.not_before is None else max(e.not_before, least) for e in entries]
        rows = [
            {"n": first + i, "at": row.at, "kind": e.kind.value, "key": e.key, "not_before": bounds[i], "until": e.until}
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

    def standing(self, sub: str, client_id: str) -> tuple[int, int | None]:
        """Return the directory's version, and the latest second up to which tokens of this person or client are revoked."""
        version, bound = self._connection.execute(_STANDING, {"sub": sub, "client_id": client_id}).one()
        return int(version), None if bound is None else int(bound)

    def bounds_since(self, number: int) -> list[RevocationEntry]:
        """Return the entries after `number` that end tokens of a whole client, or all."""
        kinds = (RevocationKind.CLIENT.value, RevocationKind.ALL.value)
        query = select(FEED_ENTRY).where(FEED_ENTRY.c.n > number, FEED_ENTRY.c.kind.in_(kinds))
        return [
            RevocationEntry(RevocationKind(row.kind), row.key, row.until, row.not_before)
            for row in self._connection.execute(query)
        ]

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
