"""The append-only audit log: each event is chained to the one before it by a hash.

Nobody can change, drop or insert an event without every later hash telling. The number of an event is its primary key, so two
writers that both believe to be next cannot both commit.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields
from typing import Final

from sqlalchemy import Column, ColumnElement, Connection, Index, Table, Text, desc, func, insert, select, text

from auth_server.store.schema import METADATA, Digest, Milliseconds, Number

# Spelt alike in the index and in the query, or neither database would use the one for the other.
_OF_KEYS: Final = "name LIKE 'key.%'"

AUDIT_EVENT: Final = Table(
    "audit_event",
    METADATA,
    Column("seq", Number, primary_key=True, autoincrement=False),
    Column("at", Milliseconds, nullable=False),
    Column("name", Text, nullable=False),
    Column("sub", Text),
    Column("client_id", Text),
    Column("body", Text, nullable=False),
    Column("previous_hash", Digest, nullable=False),
    Column("hash", Digest, nullable=False),
    Index("ix_audit_event_sub", "sub"),
    Index("ix_audit_event_at", "at"),
    # Few, and looked for at every start; all others cost this index nothing.
    Index("ix_audit_event_key", "seq", sqlite_where=text(_OF_KEYS), postgresql_where=text(_OF_KEYS)),
)

# The hash "before" the first event.
GENESIS: Final = hashlib.sha256(b"sealwright audit log v1").digest()

_INSERT: Final = insert(AUDIT_EVENT)
# Any number does, as long as nothing else of ours takes it.
_TAKE_TURN: Final = select(func.pg_advisory_xact_lock(7_325_518_066_741_205))
_HEAD: Final = select(AUDIT_EVENT.c.seq, AUDIT_EVENT.c.hash).order_by(desc(AUDIT_EVENT.c.seq)).limit(1)


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One event as it is stored. `at` is milliseconds since the epoch; `detail` never holds a secret."""

    name: str
    outcome: str
    at: int
    sub: str | None = None
    client_id: str | None = None
    actor: str | None = None
    sid: str | None = None
    grant_id: str | None = None
    address: str | None = None
    request_id: str | None = None
    detail: dict[str, str | int | bool] = field(default_factory=dict)


_MEMBERS: Final = tuple(member.name for member in fields(AuditRecord))
# Made once: json.dumps with options makes an encoder for each call.
_ENCODE: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode


@dataclass(frozen=True, slots=True)
class ChainHead:
    """The number and hash of the newest event."""

    seq: int
    hash: bytes


def body_of(record: AuditRecord) -> str:
    """Return the canonical text of an event: sorted members, absent ones left out."""
    return _ENCODE({name: value for name in _MEMBERS if (value := getattr(record, name)) not in (None, {})})


def link(head: ChainHead, body: str) -> ChainHead:
    """Return the head after an event is appended: SHA-256 over the number, the hash before, and the canonical text."""
    seq = head.seq + 1
    return ChainHead(seq, hashlib.sha256(seq.to_bytes(8, "big") + head.hash + body.encode("utf-8")).digest())


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One event as it stands in the log: its number, its canonical text, and the hash that chains it."""

    seq: int
    at: int
    body: str
    hash: bytes


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which events are wanted; None for any. `name` may end in a dot, for a family of names. `since_ms` is inclusive."""

    name: str | None = None
    sub: str | None = None
    client_id: str | None = None
    since_ms: int | None = None


EVERYTHING: Final = AuditFilter()
_ENTRY: Final = (AUDIT_EVENT.c.seq, AUDIT_EVENT.c.at, AUDIT_EVENT.c.body, AUDIT_EVENT.c.hash)


def _conditions(wanted: AuditFilter) -> list[ColumnElement[bool]]:
    columns = AUDIT_EVENT.c
    found: list[ColumnElement[bool]] = []
    if wanted.name is not None:
        is_family = wanted.name.endswith(".")
        found.append(columns.name.startswith(wanted.name, autoescape=True) if is_family else columns.name == wanted.name)
    if wanted.sub is not None:
        found.append(columns.sub == wanted.sub)
    if wanted.client_id is not None:
        found.append(columns.client_id == wanted.client_id)
    if wanted.since_ms is not None:
        found.append(columns.at >= wanted.since_ms)
    return found


class AuditEvents:
    """The audit log within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def take_turn(self) -> None:
        """Wait until no other transaction can append, and let none until this one ends."""
        # SQLite has one writer anyhow: the transaction that asks is it.
        if self._connection.dialect.name == "postgresql":
            self._connection.execute(_TAKE_TURN)

    def head(self) -> ChainHead:
        """Return the newest event's number and hash."""
        row = self._connection.execute(_HEAD).first()
        return ChainHead(0, GENESIS) if row is None else ChainHead(row.seq, bytes(row.hash))

    def append(self, head: ChainHead, records: Sequence[AuditRecord]) -> ChainHead:
        """Append events behind `head` and return the new head.

        Raises:
            sqlalchemy.exc.IntegrityError: somebody appended behind `head` out of turn.
        """
        rows = []
        for record in records:
            body = body_of(record)
            after = link(head, body)
            rows.append(
                {
                    "seq": after.seq,
                    "at": record.at,
                    "name": record.name,
                    "sub": record.sub,
                    "client_id": record.client_id,
                    "body": body,
                    "previous_hash": head.hash,
                    "hash": after.hash,
                }
            )
            head = after
        self._connection.execute(_INSERT, rows)
        return head

    def since(self, seq: int, limit: int) -> list[tuple[int, str]]:
        """Return up to `limit` events after number `seq`, oldest first, as number and canonical text."""
        query = (
            select(AUDIT_EVENT.c.seq, AUDIT_EVENT.c.body).where(AUDIT_EVENT.c.seq > seq).order_by(AUDIT_EVENT.c.seq).limit(limit)
        )
        return [(row.seq, row.body) for row in self._connection.execute(query)]

    def after(self, seq: int, limit: int, wanted: AuditFilter = EVERYTHING) -> list[AuditEntry]:
        """Return up to `limit` events after number `seq`, oldest first."""
        query = select(*_ENTRY).where(AUDIT_EVENT.c.seq > seq, *_conditions(wanted)).order_by(AUDIT_EVENT.c.seq).limit(limit)
        return [AuditEntry(row.seq, row.at, row.body, bytes(row.hash)) for row in self._connection.execute(query)]

    def newest(self, limit: int, wanted: AuditFilter = EVERYTHING) -> list[AuditEntry]:
        """Return the `limit` newest events, oldest first."""
        query = select(*_ENTRY).where(*_conditions(wanted)).order_by(desc(AUDIT_EVENT.c.seq)).limit(limit)
        return [AuditEntry(row.seq, row.at, row.body, bytes(row.hash)) for row in self._connection.execute(query)][::-1]

    def hash_at(self, seq: int) -> bytes | None:
        """Return the hash of one event; None when there is none of that number."""
        found = self._connection.execute(select(AUDIT_EVENT.c.hash).where(AUDIT_EVENT.c.seq == seq)).scalar()
        return None if found is None else bytes(found)

    def of_account(self, sub: str, names: Sequence[str], *, before: int | None, limit: int) -> list[tuple[int, str]]:
        """Return up to `limit` events of an account, newest first, as number and canonical text.

        Args:
            names: which kinds.
            before: only those with a smaller number.
        """
        columns = (AUDIT_EVENT.c.seq, AUDIT_EVENT.c.body)
        query = select(*columns).where(AUDIT_EVENT.c.sub == sub, AUDIT_EVENT.c.name.in_(names))
        if before is not None:
            query = query.where(AUDIT_EVENT.c.seq < before)
        rows = self._connection.execute(query.order_by(desc(AUDIT_EVENT.c.seq)).limit(limit))
        return [(row.seq, row.body) for row in rows]

    def of_keys(self, since_ms: int = 0) -> list[str]:
        """Return the canonical texts of the events about signing keys (`key.…`) since a time, oldest first."""
        query = select(AUDIT_EVENT.c.body).where(text(_OF_KEYS), AUDIT_EVENT.c.at >= since_ms).order_by(AUDIT_EVENT.c.seq)
        return list(self._connection.execute(query).scalars())

    def first_broken_link(self, page: int = 500) -> int | None:
        """Walk the whole chain; return the number of the first event that does not follow from the one before, or None."""
        head = ChainHead(0, GENESIS)
        for seq, previous, own, body in self._chain(page):
            after = link(head, body)
            if seq != after.seq or previous != head.hash or own != after.hash:
                return seq
            head = after
        return None

    def _chain(self, page: int) -> Iterator[tuple[int, bytes, bytes, str]]:
        at = 0
        columns = (AUDIT_EVENT.c.seq, AUDIT_EVENT.c.previous_hash, AUDIT_EVENT.c.hash, AUDIT_EVENT.c.body)
        while rows := self._connection.execute(
            select(*columns).where(AUDIT_EVENT.c.seq > at).order_by(AUDIT_EVENT.c.seq).limit(page)
        ).all():
            for row in rows:
                yield row.seq, bytes(row.previous_hash), bytes(row.hash), row.body
            at = rows[-1].seq
