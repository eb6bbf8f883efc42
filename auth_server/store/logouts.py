"""Signing out: what waits for a person's word, which clients a session reached, and what they have still to be told.

`logout_delivery` is an outbox: its rows are written by the very statement's transaction that ends a session, so a client that is to
be told is told, whatever dies in between (OpenID Connect Back-Channel Logout 1.0).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    ForeignKey,
    Index,
    Integer,
    Row,
    Table,
    Text,
    bindparam,
    delete,
    insert,
    literal,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert as upsert

from auth_server.store import deliveries
from auth_server.store.clients import CLIENT
from auth_server.store.schema import METADATA, Digest, Milliseconds, now_ms

SESSION_CLIENT: Final = Table(
    "session_client",
    METADATA,
    Column("sid", Text, ForeignKey("session.sid", ondelete="CASCADE"), primary_key=True),
    Column("client_id", Text, ForeignKey("client.client_id", ondelete="CASCADE"), primary_key=True, index=True),
    Column("subject", Text, nullable=False),
)
LOGOUT_DELIVERY: Final = Table(
    "logout_delivery",
    METADATA,
    Column("sid", Text, primary_key=True),
    Column("client_id", Text, ForeignKey("client.client_id", ondelete="CASCADE"), primary_key=True, index=True),
    Column("subject", Text, nullable=False),
    Column("uri", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due_at", Milliseconds, nullable=False),
    Column("created_at", Milliseconds, nullable=False),
    Index("ix_logout_delivery_due_at", "due_at"),
)
LOGOUT_REQUEST: Final = Table(
    "logout_request",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("browser", Digest, nullable=False),
    Column("client_id", Text),
    Column("redirect_uri", Text),
    Column("state", Text),
    Column("hinted_sid", Text),
    Column("created_at", Milliseconds, nullable=False),
    Column("expires_at", Milliseconds, nullable=False, index=True),
    Column("done_at", Milliseconds),
)

_D: Final = LOGOUT_DELIVERY.c
_R: Final = LOGOUT_REQUEST.c
_S: Final = SESSION_CLIENT.c
_OPEN: Final = (_R.id == bindparam("key"), _R.browser == bindparam("whose"), _R.done_at.is_(None), _R.expires_at > now_ms())
_DUE: Final = select(LOGOUT_DELIVERY).where(_D.due_at <= now_ms()).order_by(_D.due_at).limit(bindparam("most"))


@dataclass(frozen=True, slots=True)
class Delivery:
    """A logout token that a client has still to get; `attempts` were made before."""

    sid: str
    client_id: str
    subject: str
    uri: str
    attempts: int


@dataclass(frozen=True, slots=True)
class StoredLogout:
    """A request to sign out that waits for the person's word."""

    id: str
    client_id: str | None
    redirect_uri: str | None
    state: str | None
    hinted_sid: str | None


class Logouts:
    """Signing out, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def reached(self, sid: str, client_id: str, subject: str) -> None:
        """Note that a session signed its person in to a client that wants to be told of its end."""
        # Clients that are known by a document have no row, and nobody to be told.
        known = select(literal(sid), CLIENT.c.client_id, literal(subject)).where(
            CLIENT.c.client_id == client_id, CLIENT.c.backchannel_logout_uri.is_not(None)
        )
        statement = upsert(SESSION_CLIENT).from_select(["sid", "client_id", "subject"], known)
        self._connection.execute(statement.on_conflict_do_nothing())

    def queue(self, sids: Sequence[str]) -> None:
        """Put the clients of ended sessions that asked to be told into the outbox."""
        if not sids:
            return
        told = (
            select(_S.sid, _S.client_id, _S.subject, CLIENT.c.backchannel_logout_uri, literal(0), now_ms(), now_ms())
            .select_from(SESSION_CLIENT.join(CLIENT, CLIENT.c.client_id == _S.client_id))
            .where(_S.sid.in_(sids), CLIENT.c.backchannel_logout_uri.is_not(None))
        )
        columns = ["sid", "client_id", "subject", "uri", "attempts", "due_at", "created_at"]
        self._connection.execute(insert(LOGOUT_DELIVERY).from_select(columns, told))

    def is_anything_due(self) -> bool:
        """Say whether a delivery is due."""
        return deliveries.is_anything_due(self._connection, _DUE)

    def claim(self, limit: int, *, wait_ms: int) -> list[Delivery]:
        """Return up to `limit` deliveries that are due, and put each off by `wait_ms`, so that no other replica takes it meanwhile."""
        claimed = deliveries.claim(self._connection, LOGOUT_DELIVERY, _DUE, limit, wait_ms=wait_ms)
        return [Delivery(row.sid, row.client_id, row.subject, row.uri, row.attempts) for row in claimed]

    def put_off(self, delivery: Delivery, wait_ms: int) -> None:
        """Try again later."""
        deliveries.put_off(self._connection, LOGOUT_DELIVERY, *_is(delivery), wait_ms=wait_ms)

    def settle(self, delivery: Delivery) -> None:
        """Take a delivery out of the outbox: it arrived, or never will."""
        self._connection.execute(delete(LOGOUT_DELIVERY).where(*_is(delivery)))

    def ask(self, request: StoredLogout, browser: bytes, lifetime_ms: int) -> None:
        """Store a request that waits for the person's word."""
        values = {name: getattr(request, name) for name in StoredLogout.__dataclass_fields__}
        times = {"created_at": now_ms(), "expires_at": now_ms() + lifetime_ms}
        self._connection.execute(insert(LOGOUT_REQUEST).values(**values, browser=browser, **times))

    def find(self, logout_id: str, browser: bytes) -> StoredLogout | None:
        """Return one that waits; None when there is none of this browser, it expired, or was answered."""
        row = self._connection.execute(select(LOGOUT_REQUEST).where(*_OPEN), {"key": logout_id, "whose": browser}).first()
        return None if row is None else _stored(row)

    def finish(self, logout_id: str, browser: bytes) -> bool:
        """Close it; of any number of tries one succeeds."""
        statement = update(LOGOUT_REQUEST).where(*_OPEN).values(done_at=now_ms())
        return self._connection.execute(statement, {"key": logout_id, "whose": browser}).rowcount == 1

    def purge(self, limit: int = 500) -> int:
        """Delete up to `limit` expired requests; return how many."""
        dead = select(_R.id).where(_R.expires_at < now_ms()).limit(limit)
        return self._connection.execute(delete(LOGOUT_REQUEST).where(_R.id.in_(dead))).rowcount


def _is(delivery: Delivery) -> tuple[ColumnElement[bool], ...]:
    return _D.sid == delivery.sid, _D.client_id == delivery.client_id


def _stored(row: Row[Any]) -> StoredLogout:
    return StoredLogout(**{name: getattr(row, name) for name in StoredLogout.__dataclass_fields__})
