"""Tickets: what a link in a mail stands for. One purpose, one account, one use; the digest alone is stored."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import BigInteger, Column, Connection, ForeignKey, Row, Table, Text, bindparam, delete, insert, select, update

from auth_server.store.schema import METADATA, Digest, Milliseconds, now_ms

TICKET: Final = Table(
    "ticket",
    METADATA,
    Column("digest", Digest, primary_key=True),
    Column("purpose", Text, nullable=False),
    # None for a decoy: written where the work done must not tell that there is no such account.
    Column("sub", Text, ForeignKey("account.sub", ondelete="CASCADE"), index=True),
    Column("address", Text),
    Column("interaction", Text),
    Column("created_at", Milliseconds, nullable=False),
    Column("expires_at", Milliseconds, nullable=False, index=True),
    Column("used_at", Milliseconds),
)

_T: Final = TICKET.c
_ADD: Final = insert(TICKET).values(
    {name: bindparam(name) for name in ("digest", "purpose", "sub", "address", "interaction")}
    | {"created_at": now_ms(), "expires_at": now_ms() + bindparam("lifetime_ms", type_=BigInteger)}
)
_FIND: Final = select(TICKET, (_T.expires_at > now_ms()).label("is_live")).where(
    _T.digest == bindparam("key"), _T.purpose == bindparam("what_for"), _T.sub.is_not(None)
)
_SPEND: Final = (
    update(TICKET)
    .where(
        _T.digest == bindparam("key"),
        _T.purpose == bindparam("what_for"),
        _T.sub.is_not(None),
        _T.used_at.is_(None),
        _T.expires_at > now_ms(),
    )
    .values(used_at=now_ms())
    .returning(TICKET)
)
# A used one stays until its end, so that its second use is told from a wrong link.
_VOID: Final = delete(TICKET).where(_T.sub == bindparam("whose"), _T.used_at.is_(None))
_FORGET: Final = delete(TICKET).where(
    _T.digest.in_(select(_T.digest).where(_T.expires_at < now_ms() - 86_400_000).limit(bindparam("most")))
)


@dataclass(frozen=True, slots=True)
class StoredTicket:
    """A ticket's row. `address` is the mail address it was sent to; `interaction` the authorization request it goes on with."""

    sub: str
    purpose: str
    address: str | None = field(repr=False)
    interaction: str | None
    is_used: bool
    is_live: bool


class Tickets:
    """Tickets within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(
        self, digest: bytes, *, purpose: str, sub: str | None, address: str | None, interaction: str | None, lifetime_ms: int
    ) -> None:
        """Store a ticket; with `sub` None, one that opens nothing."""
        values = {"digest": digest, "purpose": purpose, "sub": sub, "address": address, "interaction": interaction}
        self._connection.execute(_ADD, values | {"lifetime_ms": lifetime_ms})

    def find(self, digest: bytes, purpose: str) -> StoredTicket | None:
        """Return a ticket of this purpose, used and expired ones too; None when there is none."""
        row = self._connection.execute(_FIND, {"key": digest, "what_for": purpose}).first()
        return None if row is None else _ticket(row, is_live=bool(row.is_live) and row.used_at is None)

    def spend(self, digest: bytes, purpose: str) -> StoredTicket | None:
        """Use a ticket; None when there is none of this purpose, it was used, or it is over. Of racing uses one succeeds."""
        row = self._connection.execute(_SPEND, {"key": digest, "what_for": purpose}).first()
        return None if row is None else _ticket(row, is_live=True)

    def void(self, sub: str, *purposes: str) -> None:
        """Make unused tickets of an account worthless."""
        self._connection.execute(_VOID.where(_T.purpose.in_(purposes)), {"whose": sub})

    def forget(self, limit: int = 500) -> int:
        """Delete up to `limit` tickets that have been over for a day; return how many."""
        return self._connection.execute(_FORGET, {"most": limit}).rowcount


def _ticket(row: Row[Any], *, is_live: bool) -> StoredTicket:
    return StoredTicket(row.sub, row.purpose, row.address, row.interaction, row.used_at is not None, is_live)
