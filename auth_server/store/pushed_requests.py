"""Pushed authorization requests (RFC 9126), by the digest of their `request_uri`, good for one use."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Connection, Table, Text, bindparam, delete, insert, select, update

from auth_server.store.schema import METADATA, Digest, Milliseconds, now_ms

PUSHED_REQUEST: Final = Table(
    "pushed_request",
    METADATA,
    Column("digest", Digest, primary_key=True),
    Column("client_id", Text, nullable=False),
    Column("request", Text, nullable=False),
    Column("expires_at", Milliseconds, nullable=False, index=True),
    Column("used_at", Milliseconds),
)

_P: Final = PUSHED_REQUEST.c
_ADD: Final = insert(PUSHED_REQUEST).values(
    digest=bindparam("digest"),
    client_id=bindparam("client_id"),
    request=bindparam("request"),
    expires_at=now_ms() + bindparam("lifetime_ms", type_=BigInteger),
)
_SPEND: Final = (
    update(PUSHED_REQUEST)
    .where(_P.digest == bindparam("key"), _P.client_id == bindparam("whose"), _P.used_at.is_(None), _P.expires_at > now_ms())
    .values(used_at=now_ms())
    .returning(_P.request)
)


class PushedRequests:
    """Pushed requests within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, *, digest: bytes, client_id: str, request: str, lifetime_ms: int) -> None:
        """Store one."""
        values = {"digest": digest, "client_id": client_id, "request": request, "lifetime_ms": lifetime_ms}
        self._connection.execute(_ADD, values)

    def spend(self, digest: bytes, client_id: str) -> str | None:
        """Use one up and return it; None when it is unknown, another client's, used, or expired."""
        return self._connection.execute(_SPEND, {"key": digest, "whose": client_id}).scalar()

    def purge(self, limit: int = 500) -> int:
        """Delete up to `limit` expired ones; return how many."""
        dead = select(_P.digest).where(_P.expires_at < now_ms()).limit(limit)
        return self._connection.execute(delete(PUSHED_REQUEST).where(_P.digest.in_(dead))).rowcount
