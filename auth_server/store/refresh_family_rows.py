"""What the row of a refresh family says, read with its session."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row

from auth_server.protocol.refresh import Family


def family_of(row: Row[Any]) -> Family:
    """Return a family."""
    return Family(
        id=bytes(row.id),
        client_id=row.client_id,
        sub=row.sub,
        sid=row.sid,
        scope=frozenset(row.scope),
        resource=row.resource,
        seq=row.seq,
        cur_hash=bytes(row.cur_hash),
        prev_hash=None if row.prev_hash is None else bytes(row.prev_hash),
        rotated_at=row.rotated_at,
        issued_at=row.issued_at,
        cur_seen=row.cur_seen,
        has_successor=row.replay_blob is not None,
        replay_count=row.replay_count,
        idle_expires_at=row.idle_expires_at,
        absolute_expires_at=row.absolute_expires_at,
        revoked_at=row.revoked_at,
        auth_time=row.auth_time,
        acr=row.acr,
        amr=tuple(row.amr),
        pairwise_subject=row.subject,
        for_issuer=row.for_issuer,
        claims=row.claims,
        cnf=row.cnf,
        replay_streak=row.replay_streak,
    )


def is_session_live(row: Row[Any], session_idle_ms: int) -> bool:
    """Say whether the session of a family lives, or it needs none. The family's own use counts as use of its session."""
    if row.sid is None:
        return True
    if row.session_sid is None or row.session_ended_at is not None or row.session_absolute_expires_at <= row.now:
        return False
    return bool(max(row.session_idle_expires_at, row.issued_at + session_idle_ms) > row.now)
