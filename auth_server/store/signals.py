"""Shared signals: the streams that receivers made, and the outbox of what each of them has still to be told.

A row of `signal_event` is written by the transaction that ends a session or changes a password: what happened is told exactly when it
happened, whatever dies in between. It stays until the receiver has acknowledged it.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Row,
    Table,
    Text,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)

from auth_server.protocol.security_event import CREDENTIAL_CHANGE, DISABLED, ENABLED, PUSH, SESSION_REVOKED, VERIFICATION
from auth_server.store import deliveries
from auth_server.store.clients import CLIENT
from auth_server.store.pairwise_subjects import PairwiseSubjects
from auth_server.store.revocations import COMMIT_MARGIN_MS
from auth_server.store.schema import METADATA, Milliseconds, Words, now_ms

SIGNAL_STREAM: Final = Table(
    "signal_stream",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("client_id", Text, ForeignKey("client.client_id", ondelete="CASCADE"), nullable=False, index=True),
    Column("audience", Words, nullable=False),
    Column("method", Text, nullable=False),
    Column("url", Text),
    # The `Authorization` header that the receiver wants to see, sealed.
    Column("sealed", LargeBinary),
    Column("kek_id", Text),
    Column("events", Words, nullable=False),
    Column("description", Text),
    Column("status", Text, nullable=False),
    Column("reason", Text),
    Column("verified_at", Milliseconds),
    Column("created_at", Milliseconds, nullable=False),
)
SIGNAL_EVENT: Final = Table(
    "signal_event",
    METADATA,
    Column("jti", Text, primary_key=True),
    Column("stream_id", Text, ForeignKey("signal_stream.id", ondelete="CASCADE"), nullable=False),
    Column("txn", Text, nullable=False),
    Column("event", Text, nullable=False),
    Column("subject", Text),
    Column("sid", Text),
    Column("state", Text),
    Column("attempts", Integer, nullable=False),
    Column("due_at", Milliseconds, nullable=False),
    Column("created_at", Milliseconds, nullable=False, index=True),
    Index("ix_signal_event_stream_id_created_at", "stream_id", "created_at"),
)

_S: Final = SIGNAL_STREAM.c
_E: Final = SIGNAL_EVENT.c
_LISTENING: Final = select(_S.id, _S.events, now_ms().label("now")).where(_S.status != DISABLED)
_DUE: Final = (
    select(SIGNAL_EVENT)
    .select_from(SIGNAL_EVENT.join(SIGNAL_STREAM, _S.id == _E.stream_id).join(CLIENT, CLIENT.c.client_id == _S.client_id))
    .where(_S.method == PUSH, _S.status == ENABLED, CLIENT.c.disabled_at.is_(None), _E.due_at <= now_ms())
    .order_by(_E.created_at)
    .limit(bindparam("most"))
)


@dataclass(frozen=True, slots=True)
class Stream:
    """What a receiver asked to be told, and how. `sealed` and `kek_id` hold the header that it wants to see."""

    id: str
    client_id: str
    audience: tuple[str, ...]
    method: str
    url: str | None
    events: tuple[str, ...]
    description: str | None
    status: str
    reason: str | None = None
    sealed: bytes | None = field(default=None, repr=False)
    kek_id: str | None = None


@dataclass(frozen=True, slots=True)
class Signal:
    """One event that a stream has still to be told; `at` in milliseconds, `attempts` were made before."""

    jti: str
    stream_id: str
    txn: str
    event: str
    subject: str | None
    sid: str | None
    state: str | None
    attempts: int
    at: int

    @property
    def happened_by(self) -> int:
        """Return a second by which it had happened: who read something just before its commit read what was true before."""
        return (self.at + COMMIT_MARGIN_MS) // 1000


class Signals:
    """Streams and their outbox, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    # What happened.

    def sessions_ended(self, sub: str, sids: Sequence[str]) -> None:
        """Tell every stream that wants it that these sessions of a person are over."""
        self._tell(SESSION_REVOKED, [(sub, sid) for sid in sids])

    def all_sessions_ended(self, sub: str) -> None:
        """Tell that nothing of a person goes on, whatever session it belongs to."""
        self._tell_of_person(SESSION_REVOKED, sub)

    def password_changed(self, sub: str) -> None:
        """Tell that a person has another password."""
        self._tell_of_person(CREDENTIAL_CHANGE, sub)

    def _tell_of_person(self, event: str, sub: str) -> None:
        # Tokens of clients with pairwise subjects know the person by other names.
        self._tell(event, [(name, None) for name in (sub, *PairwiseSubjects(self._connection).of(sub))])

    def _tell(self, event: str, about: Iterable[tuple[str, str | None]]) -> None:
        about = list(about)
        if not about:
            return
        listening = self._connection.execute(_LISTENING).all()
        txn = secrets.token_urlsafe(16)
        rows = [
            _row(stream.id, event, txn, stream.now, subject=subject, sid=sid)
            for stream in listening
            if event in stream.events
            for subject, sid in about
        ]
        if rows:
            self._connection.execute(insert(SIGNAL_EVENT), rows)

    def verify(self, stream_id: str, state: str | None, *, interval_ms: int) -> bool:
        """Put a verification event into a stream; False when the last one is too young."""
        young = _S.verified_at.is_not(None) & (_S.verified_at > now_ms() - bindparam("interval", type_=BigInteger))
        asked = update(SIGNAL_STREAM).where(_S.id == stream_id, ~young).values(verified_at=now_ms()).returning(now_ms())
        now = self._connection.execute(asked, {"interval": interval_ms}).scalar()
        if now is None:
            return False
        row = _row(stream_id, VERIFICATION, secrets.token_urlsafe(16), now, state=state)
        self._connection.execute(insert(SIGNAL_EVENT).values(row))
        return True

    # Streams.

    def add(self, stream: Stream) -> None:
        """Store a stream."""
        self._connection.execute(insert(SIGNAL_STREAM).values(**_values(stream), created_at=now_ms()))

    def replace(self, stream: Stream) -> None:
        """Store what is different about a stream now. One that is disabled is told nothing any more, and nothing is kept for it."""
        self._connection.execute(update(SIGNAL_STREAM).where(_S.id == stream.id).values(**_values(stream)))
        if stream.status == DISABLED:
            self._connection.execute(delete(SIGNAL_EVENT).where(_E.stream_id == stream.id))

    def find(self, stream_id: str) -> Stream | None:
        """Return a stream."""
        row = self._connection.execute(select(SIGNAL_STREAM).where(_S.id == stream_id)).first()
        return None if row is None else _stream(row)

    def of_client(self, client_id: str) -> list[Stream]:
        """Return the streams of a receiver, the oldest first."""
        query = select(SIGNAL_STREAM).where(_S.client_id == client_id).order_by(_S.created_at, _S.id)
        return [_stream(row) for row in self._connection.execute(query)]

    def delete(self, stream_id: str) -> None:
        """Delete a stream and what it was still to be told."""
        self._connection.execute(delete(SIGNAL_STREAM).where(_S.id == stream_id))

    def sealed(self) -> list[Stream]:
        """Return every stream that holds something sealed."""
        return [_stream(row) for row in self._connection.execute(select(SIGNAL_STREAM).where(_S.kek_id.is_not(None)))]

    def rewrap(self, stream_id: str, *, sealed: bytes, old_kek_id: str, new_kek_id: str) -> bool:
        """Replace the sealed form, if it is still under `old_kek_id`."""
        changed = update(SIGNAL_STREAM).where(_S.id == stream_id, _S.kek_id == old_kek_id)
        return self._connection.execute(changed.values(sealed=sealed, kek_id=new_kek_id)).rowcount == 1

    # Delivery.

    def waiting(self, stream_id: str, limit: int) -> list[Signal]:
        """Return up to `limit` events that a stream has still to be told, the oldest first."""
        query = select(SIGNAL_EVENT).where(_E.stream_id == stream_id).order_by(_E.created_at, _E.jti).limit(limit)
        return [_signal(row) for row in self._connection.execute(query)]

    def is_anything_due(self) -> bool:
        """Say whether something is to be pushed."""
        return deliveries.is_anything_due(self._connection, _DUE)

    def claim(self, limit: int, *, wait_ms: int) -> list[Signal]:
        """Return up to `limit` events that are to be pushed, and put each off by `wait_ms`, so that no other replica takes it."""
        return [_signal(row) for row in deliveries.claim(self._connection, SIGNAL_EVENT, _DUE, limit, wait_ms=wait_ms)]

    def put_off(self, jti: str, wait_ms: int) -> None:
        """Try again later."""
        deliveries.put_off(self._connection, SIGNAL_EVENT, _E.jti == jti, wait_ms=wait_ms)

    def begin_anew(self, stream_id: str) -> None:
        """Make everything that waits due now, with no attempt counted: the receiver says that it is there again."""
        self._connection.execute(update(SIGNAL_EVENT).where(_E.stream_id == stream_id).values(attempts=0, due_at=now_ms()))

    def settle(self, stream_id: str, jtis: Sequence[str]) -> int:
        """Take events out of a stream's outbox: the receiver has them, or refused them. Return how many there were."""
        if not jtis:
            return 0
        return self._connection.execute(delete(SIGNAL_EVENT).where(_E.stream_id == stream_id, _E.jti.in_(jtis))).rowcount

    def forget(self, kept_ms: int, limit: int = 500) -> int:
        """Delete up to `limit` events that nobody took for `kept_ms`; return how many."""
        old = select(_E.jti).where(_E.created_at < now_ms() - bindparam("kept", type_=BigInteger)).limit(limit)
        return self._connection.execute(delete(SIGNAL_EVENT).where(_E.jti.in_(old)), {"kept": kept_ms}).rowcount

    def count(self, stream_id: str) -> int:
        """Return how many events a stream has still to be told."""
        return int(self._connection.execute(select(func.count()).where(_E.stream_id == stream_id)).scalar_one())


def _row(
    stream_id: str,
    event: str,
    txn: str,
    now: int,
    *,
    subject: str | None = None,
    sid: str | None = None,
    state: str | None = None,
) -> dict[str, Any]:
    named = {"jti": secrets.token_urlsafe(16), "stream_id": stream_id, "txn": txn, "event": event}
    return {**named, "subject": subject, "sid": sid, "state": state, "attempts": 0, "due_at": now, "created_at": now}


def _values(stream: Stream) -> dict[str, Any]:
    return {name: getattr(stream, name) for name in Stream.__dataclass_fields__}


def _stream(row: Row[Any]) -> Stream:
    return Stream(**{name: getattr(row, name) for name in Stream.__dataclass_fields__})


def _signal(row: Row[Any]) -> Signal:
    named = {name: getattr(row, name) for name in Signal.__dataclass_fields__ if name != "at"}
    return Signal(**named, at=row.created_at)
