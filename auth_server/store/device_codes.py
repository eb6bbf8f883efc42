"""Devices that wait for a person's approval (RFC 8628): one row each, decided once and redeemed once.

Every guard stands in its statement, with the database's clock: of racing decisions, and of racing polls, exactly one changes the row.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    ForeignKey,
    Row,
    Table,
    Text,
    bindparam,
    delete,
    insert,
    select,
    update,
)

from auth_server.store.schema import METADATA, Digest, Milliseconds, Number, Words, now_ms

DEVICE_CODE: Final = Table(
    "device_code",
    METADATA,
    Column("device_digest", Digest, primary_key=True),
    Column("user_digest", Digest, nullable=False, unique=True),
    Column("client_id", Text, nullable=False, index=True),
    Column("scope", Words),
    Column("resource", Text),
    Column("address", Text, nullable=False),
    Column("user_agent", Text),
    Column("created_at", Milliseconds, nullable=False),
    Column("expires_at", Milliseconds, nullable=False, index=True),
    Column("interval_ms", Number, nullable=False),
    Column("polled_at", Milliseconds),
    Column("decided_at", Milliseconds),
    Column("approved", Boolean),
    Column("sub", Text, ForeignKey("account.sub", ondelete="CASCADE"), index=True),
    Column("sid", Text),
    Column("auth_time", Number),
    Column("acr", Text),
    Column("amr", Words),
    Column("spent_at", Milliseconds),
)

_D: Final = DEVICE_CODE.c
_OPEN: Final = (_D.decided_at.is_(None), _D.expires_at > now_ms())
_FORGET: Final = delete(DEVICE_CODE).where(
    # Kept a little beyond their end, so that a device that still polls hears `expired_token` and not `invalid_grant`.
    _D.device_digest.in_(select(_D.device_digest).where(_D.expires_at < now_ms() - 600_000).limit(bindparam("most")))
)


@dataclass(frozen=True, slots=True)
class NewDevice:
    """A device that asks. Durations in milliseconds; `scope` None when it asked for none."""

    device_digest: bytes = field(repr=False)
    user_digest: bytes = field(repr=False)
    client_id: str
    scope: frozenset[str] | None
    resource: str | None
    address: str
    user_agent: str | None
    lifetime_ms: int
    interval_ms: int


@dataclass(frozen=True, slots=True)
class Approver:
    """Who approved, and the sign-in behind it; `auth_time` in seconds."""

    sub: str
    sid: str
    auth_time: int
    acr: str
    amr: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Device:
    """A row. Times in milliseconds, database clock; `approved` is None while nobody decided."""

    device_digest: bytes = field(repr=False)
    client_id: str
    scope: frozenset[str] | None
    resource: str | None
    address: str
    user_agent: str | None
    created_at: int
    expires_at: int
    interval_ms: int
    polled_at: int | None
    approved: bool | None
    approver: Approver | None
    spent_at: int | None


class DeviceCodes:
    """Waiting devices within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def begin(self, new: NewDevice) -> None:
        """Store a device that asks."""
        values = {
            "device_digest": new.device_digest,
            "user_digest": new.user_digest,
            "client_id": new.client_id,
            "scope": None if new.scope is None else tuple(sorted(new.scope)),
            "resource": new.resource,
            "address": new.address,
            "user_agent": new.user_agent,
            "interval_ms": new.interval_ms,
            "created_at": now_ms(),
            "expires_at": now_ms() + new.lifetime_ms,
        }
        self._connection.execute(insert(DEVICE_CODE).values(**values))

    def is_taken(self, user_digest: bytes) -> bool:
        """Say whether a user code is in use, or was a few minutes ago."""
        return self._first(_D.user_digest == user_digest) is not None

    def find_open(self, user_digest: bytes) -> Device | None:
        """Return the device behind a user code that waits for a decision."""
        return self._first(_D.user_digest == user_digest, *_OPEN)

    def find(self, device_digest: bytes) -> Device | None:
        """Return the device behind a device code, whatever became of it."""
        return self._first(_D.device_digest == device_digest)

    def decide(self, user_digest: bytes, approver: Approver | None, *, sub: str) -> Device | None:
        """Note a person's decision: approved by `approver`, or denied by `sub`; None when it was decided already or is over."""
        values: dict[str, Any] = {"decided_at": now_ms(), "approved": approver is not None, "sub": sub}
        if approver is not None:
            values |= {name: getattr(approver, name) for name in ("sid", "auth_time", "acr", "amr")}
        statement = update(DEVICE_CODE).where(_D.user_digest == user_digest, *_OPEN).values(**values).returning(DEVICE_CODE)
        row = self._connection.execute(statement).first()
        return None if row is None else _device(row)

    def poll(self, device_digest: bytes, client_id: str, *, slower_ms: int) -> bool | None:
        """Count a poll. True: it came in time. False: too soon, and from now on `slower_ms` more have to pass. None: no such code."""
        mine = (_D.device_digest == device_digest, _D.client_id == client_id)
        in_time = (_D.polled_at.is_(None)) | (_D.polled_at <= now_ms() - _D.interval_ms)
        counted = update(DEVICE_CODE).where(*mine, in_time).values(polled_at=now_ms())
        if self._connection.execute(counted).rowcount:
            return True
        slowed = update(DEVICE_CODE).where(*mine).values(polled_at=now_ms(), interval_ms=_D.interval_ms + slower_ms)
        return False if self._connection.execute(slowed).rowcount else None

    def spend(self, device_digest: bytes, client_id: str) -> bool:
        """Redeem an approved code; False when it is not there to be redeemed, or was redeemed already."""
        statement = update(DEVICE_CODE).where(
            _D.device_digest == device_digest,
            _D.client_id == client_id,
            _D.approved.is_(True),
            _D.spent_at.is_(None),
            _D.expires_at > now_ms(),
        )
        return self._connection.execute(statement.values(spent_at=now_ms())).rowcount == 1

    def revoke_of_client(self, client_id: str) -> int:
        """Delete the waiting devices of a client; return how many."""
        return self._connection.execute(delete(DEVICE_CODE).where(_D.client_id == client_id)).rowcount

    def forget(self, limit: int = 500) -> int:
        """Delete up to `limit` that are over; return how many."""
        return self._connection.execute(_FORGET, {"most": limit}).rowcount

    def _first(self, *conditions: Any) -> Device | None:
        row = self._connection.execute(select(DEVICE_CODE).where(*conditions)).first()
        return None if row is None else _device(row)


def _device(row: Row[Any]) -> Device:
    approver = Approver(row.sub, row.sid, row.auth_time, row.acr, tuple(row.amr)) if row.approved else None
    return Device(
        device_digest=bytes(row.device_digest),
        client_id=row.client_id,
        scope=None if row.scope is None else frozenset(row.scope),
        resource=row.resource,
        address=row.address,
        user_agent=row.user_agent,
        created_at=row.created_at,
        expires_at=row.expires_at,
        interval_ms=row.interval_ms,
        polled_at=row.polled_at,
        approved=row.approved,
        approver=approver,
        spent_at=row.spent_at,
    )
