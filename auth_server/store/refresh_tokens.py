"""Refresh families within one transaction; the guards are in `refresh_family_statements.py`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Connection, delete, or_, select, true, update

from auth_server.protocol.refresh import BOUND_RETRY_GRACE_SECONDS, Family, is_suspicious
from auth_server.store import refresh_family_statements as statements
from auth_server.store.account_claims import person_of
from auth_server.store.clients import CLIENT
from auth_server.store.refresh_family_rows import family_of, is_session_live
from auth_server.store.refresh_family_table import REFRESH_FAMILY
from auth_server.store.schema import now_ms

_F: Final = REFRESH_FAMILY.c
_NOW: Final = now_ms()


@dataclass(frozen=True, slots=True)
class FamilyFacts:
    """A family with what its use depends on, read in one statement. Session times in milliseconds."""

    family: Family
    account_live: bool
    session_live: bool
    roles: frozenset[str]
    now_ms: int
    person: Mapping[str, Any] = field(default_factory=dict, repr=False)


class RefreshTokens:
    """Refresh families within one transaction. Each change says whether its guard held; when not, read and decide again."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def load(self, family_id: bytes, client_id: str, session_idle_ms: int) -> FamilyFacts | None:
        """Return a family of this client with its account, session and roles; None when there is none.

        A family's own use counts as use of its session: `session_idle_ms` after the current token was handed out, an otherwise idle
        session is still alive for it.
        """
        rows = self._connection.execute(statements.LOAD, {"fid": family_id, "cid": client_id}).all()
        if not rows:
            return None
        row = rows[0]
        roles = frozenset(r.role for r in rows if r.role is not None)
        session_live = is_session_live(row, session_idle_ms)
        return FamilyFacts(family_of(row), row.account_disabled_at is None, session_live, roles, int(row.now), person_of(row))

    def start(
        self,
        *,
        family_id: bytes,
        client_id: str,
        sub: str,
        subject: str | None = None,
        sid: str | None,
        scope: frozenset[str],
        resource: str,
        for_issuer: bool = False,
        claims: str | None = None,
        digest: bytes,
        idle_ms: int,
        absolute_ms: int,
        auth_time: int,
        acr: str,
        amr: tuple[str, ...],
    ) -> None:
        """Store a new family with its first token's digest."""
        self._connection.execute(
            statements.START,
            {
                "id": family_id,
                "client_id": client_id,
                "sub": sub,
                "subject": subject,
                "sid": sid,
                "scope": tuple(sorted(scope)),
                "resource": resource,
                "for_issuer": for_issuer,
                "claims": claims,
                "cur_hash": digest,
                "idle_ms": idle_ms,
                "absolute_ms": absolute_ms,
                "auth_time": auth_time,
                "acr": acr,
                "amr": amr,
            },
        )

    def claims_of(self, family_id: bytes) -> str | None:
        """Return the `claims` parameter of the request behind a family."""
        return self._connection.execute(select(_F.claims).where(_F.id == family_id)).scalar()

    def rotate(self, presented: Presented, *, new_hash: bytes, blob: bytes, quiet_ms: int, idle_ms: int) -> bool:
        """Put the successor in the current token's place; `blob` is the successor, sealed under the presented token."""
        values = {"new_hash": new_hash, "blob": blob, "quiet_ms": quiet_ms, "idle_ms": idle_ms}
        return self._connection.execute(statements.ROTATE, presented.bound() | values).rowcount == 1

    def mark_seen(self, presented: Presented) -> bool:
        """Note that the current token was presented."""
        return self._connection.execute(statements.MARK_SEEN, presented.bound()).rowcount == 1

    def keep(self, presented: Presented, *, idle_ms: int) -> bool:
        """Note the use of a token that does not rotate, and move its idle end."""
        return self._connection.execute(statements.KEEP, presented.bound() | {"idle_ms": idle_ms}).rowcount == 1

    def replay(self, presented: Presented, *, quiet_ms: int, grace_ms: int) -> Replayed | None:
        """Return the sealed successor of the previous token, or None when the guard did not hold."""
        row = self._connection.execute(
            statements.REPLAY, presented.bound() | {"quiet_ms": quiet_ms, "grace_ms": grace_ms}
        ).first()
        if row is None:
            return None
        return Replayed(bytes(row.replay_blob), row.replay_count == 1 and is_suspicious(row.replay_streak))

    def revoke(self, family_id: bytes, reason: str) -> tuple[str, str] | None:
        """End a family; return its (sub, client_id), or None when it had ended already."""
        row = self._connection.execute(statements.REVOKE, {"fid": family_id, "why": reason}).first()
        return None if row is None else (row.sub, row.client_id)

    def living_of(self, sub: str) -> list[tuple[str, frozenset[str], int, int]]:
        """Return the living families of an account: client, scope, and when it began and was last used, in milliseconds."""
        living = (_F.sub == sub, _F.revoked_at.is_(None), _F.idle_expires_at > now_ms(), _F.absolute_expires_at > now_ms())
        query = select(_F.client_id, _F.scope, _F.created_at, _F.issued_at).where(*living).order_by(_F.issued_at)
        return [(row.client_id, frozenset(row.scope), row.created_at, row.issued_at) for row in self._connection.execute(query)]

    def revoke_of_session(self, sid: str, reason: str) -> int:
        """End all families of a session; return how many."""
        return self._revoke_where(_F.sid == sid, reason)

    def revoke_of_subject(self, sub: str, reason: str, *, keep_sid: str | None = None) -> int:
        """End all families of a person, but for those of the session `keep_sid`; return how many."""
        condition = _F.sub == sub
        return self._revoke_where(condition if keep_sid is None else condition & _F.sid.is_distinct_from(keep_sid), reason)

    def revoke_of_consent(self, sub: str, client_id: str, reason: str) -> list[bytes]:
        """End all families of a person with one client; return their ids."""
        statement = update(REFRESH_FAMILY).where(_F.sub == sub, _F.client_id == client_id, _F.revoked_at.is_(None))
        ended = statement.values(revoked_at=_NOW, reason=reason, replay_blob=None).returning(_F.id)
        return [bytes(id) for id in self._connection.execute(ended).scalars()]

    def revoke_all(self, reason: str) -> int:
        """End every family there is; return how many."""
        return self._revoke_where(true(), reason)

    def revoke_of_client(self, client_id: str, reason: str) -> int:
        """End all families of a client; return how many."""
        return self._revoke_where(_F.client_id == client_id, reason)

    def is_over(self, family_id: bytes) -> bool:
        """Say whether a family was revoked or is over its lifetimes; one that was never stored, or is forgotten, is not."""
        found = self._connection.execute(select(_F.id).where(_F.id == family_id)).first()
        return (
            found is not None
            and self._connection.execute(select(_F.id).where(_F.id == family_id, *statements.LIVE)).first() is None
        )

    def wipe_replays(self, *, grace_ms: int, quiet_ms: int, limit: int = 500) -> int:
        """Forget sealed successors that nobody may ask for any more; return how many. `grace_ms` is that of tokens bound to nothing.

        A replay at the last moment of the grace opens one more quiet window.
        """
        confidential = select(CLIENT.c.client_id).where(CLIENT.c.auth_method != "none")
        short_ms = grace_ms + quiet_ms if grace_ms else 0
        long_ms = max(grace_ms, BOUND_RETRY_GRACE_SECONDS * 1000) + quiet_ms if grace_ms else 0
        is_short = _F.cnf.is_(None) & _F.client_id.not_in(confidential)
        over = or_(_F.rotated_at < _NOW - long_ms, (_F.rotated_at < _NOW - short_ms) & is_short)
        old = select(_F.id).where(_F.replay_blob.is_not(None), over).limit(limit)
        return self._connection.execute(update(REFRESH_FAMILY).where(_F.id.in_(old)).values(replay_blob=None)).rowcount

    def purge(self, *, kept_ms: int, limit: int = 500) -> int:
        """Delete families whose absolute end is `kept_ms` ago; return how many."""
        dead = select(_F.id).where(_F.absolute_expires_at < _NOW - kept_ms).limit(limit)
        return self._connection.execute(delete(REFRESH_FAMILY).where(_F.id.in_(dead))).rowcount

    def _revoke_where(self, condition: Any, reason: str) -> int:
        statement = update(REFRESH_FAMILY).where(condition, _F.revoked_at.is_(None))
        return self._connection.execute(statement.values(revoked_at=_NOW, reason=reason, replay_blob=None)).rowcount


@dataclass(frozen=True, slots=True)
class Replayed:
    """A successor that was handed out again. `is_suspicious`: this made it three generations on end; told once for each generation."""

    blob: bytes = field(repr=False)
    is_suspicious: bool


@dataclass(frozen=True, slots=True)
class Presented:
    """The token a guarded change is about."""

    family_id: bytes
    client_id: str
    seq: int
    digest: bytes

    def bound(self) -> dict[str, Any]:
        """Return the parameters of the guards."""
        return {"fid": self.family_id, "cid": self.client_id, "presented_seq": self.seq, "presented_hash": self.digest}
