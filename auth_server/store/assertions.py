"""Assertions that were used: each counts once, on whatever replica it arrives (RFC 7523 section 3, item 7)."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Connection, Table, bindparam, delete, select
from sqlalchemy.dialects.postgresql import insert

from auth_server.store.schema import METADATA, Digest, Number, now_ms

ASSERTION: Final = Table(
    "assertion",
    METADATA,
    # Over issuer and jti: what a stranger chose as a name is not kept.
    Column("digest", Digest, primary_key=True),
    # Seconds: the last one at which the assertion could still be believed, leeway included.
    Column("until", Number, nullable=False, index=True),
)

_SPEND: Final = (
    insert(ASSERTION)
    .values(digest=bindparam("digest"), until=bindparam("until", type_=BigInteger))
    .on_conflict_do_nothing()
    .returning(ASSERTION.c.digest)
)
_OVER: Final = select(ASSERTION.c.digest).where(ASSERTION.c.until < now_ms() // 1000).limit(bindparam("most"))
_FORGET: Final = delete(ASSERTION).where(ASSERTION.c.digest.in_(_OVER))


class Assertions:
    """Used assertions within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def spend(self, digest: bytes, until: int) -> bool:
        """Note the use of an assertion; False when it was used before. `until` in seconds."""
        return self._connection.execute(_SPEND, {"digest": digest, "until": until}).first() is not None

    def forget(self, limit: int = 500) -> int:
        """Delete up to `limit` that nobody would believe any more; return how many."""
        return self._connection.execute(_FORGET, {"most": limit}).rowcount
