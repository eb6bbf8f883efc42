"""Authorization requests that wait for a person: what was asked, by which browser, and how far the person got.

The row stands behind the `request` of a page's address, so it survives restarts and is seen by every replica. Its id alone opens
nothing: each look at it also names the browser's own cookie, of which the digest is kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import BigInteger, Boolean, Column, Connection, Row, Table, Text, bindparam, delete, insert, select, update

from auth_server.store.schema import METADATA, Digest, Milliseconds, Words, now_ms

INTERACTION: Final = Table(
    "interaction",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("browser", Digest, nullable=False),
    Column("client_id", Text, nullable=False),
    Column("request", Text, nullable=False),
    Column("sid", Text),
    Column("authenticated", Boolean, nullable=False),
    Column("approved_sid", Text),
    Column("approved_scope", Words),
    Column("denied", Boolean, nullable=False),
    Column("created_at", Milliseconds, nullable=False),
    Column("expires_at", Milliseconds, nullable=False, index=True),
    Column("done_at", Milliseconds),
)

# How long one that expired can be started again.
REMEMBERED_MS: Final = 86_400_000

_I: Final = INTERACTION.c
_OPEN: Final = (
    _I.id == bindparam("key"),
    _I.browser == bindparam("whose"),
    _I.done_at.is_(None),
    _I.expires_at > now_ms(),
)
_BEGIN: Final = insert(INTERACTION).values(
    id=bindparam("id"),
    browser=bindparam("browser"),
    client_id=bindparam("client_id"),
    request=bindparam("request"),
    authenticated=False,
    denied=False,
    created_at=now_ms(),
    expires_at=now_ms() + bindparam("lifetime_ms", type_=BigInteger),
)
_FIND: Final = select(INTERACTION).where(*_OPEN)
_FIND_OVER: Final = select(INTERACTION).where(_I.id == bindparam("key"), _I.browser == bindparam("whose"))
_UNDECIDED: Final = (_I.denied.is_(False), _I.approved_sid.is_(None))
_CHOOSE: Final = update(INTERACTION).where(*_OPEN, *_UNDECIDED).values(sid=bindparam("chosen"), authenticated=bindparam("proved"))
_APPROVE: Final = (
    update(INTERACTION)
    .where(*_OPEN, *_UNDECIDED)
    .values(approved_sid=bindparam("chosen"), approved_scope=bindparam("scope", type_=Words))
)
_DENY: Final = update(INTERACTION).where(*_OPEN, *_UNDECIDED).values(denied=True)
_FINISH: Final = update(INTERACTION).where(*_OPEN).values(done_at=now_ms())


@dataclass(frozen=True, slots=True)
class StoredInteraction:
    """How far a person got with one authorization request. Times in milliseconds.

    `sid` is the session that was chosen or just opened for it, `authenticated` says that the person proved who they are for this
    very request; `approved_scope` is what the session `approved_sid` consented to.
    """

    id: str
    client_id: str
    request: str
    sid: str | None
    authenticated: bool
    approved_sid: str | None
    approved_scope: frozenset[str]
    denied: bool
    created_at: int
    expires_at: int


class Interactions:
    """Interactions within one transaction. Every look names the browser by the digest of its cookie."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def begin(self, *, interaction_id: str, browser: bytes, client_id: str, request: str, lifetime_ms: int) -> None:
        """Store a new one."""
        values = {
            "id": interaction_id,
            "browser": browser,
            "client_id": client_id,
            "request": request,
            "lifetime_ms": lifetime_ms,
        }
        self._connection.execute(_BEGIN, values)

    def find(self, interaction_id: str, browser: bytes) -> StoredInteraction | None:
        """Return one that is open; None when there is none of this browser, it expired, or it was answered already."""
        row = self._connection.execute(_FIND, {"key": interaction_id, "whose": browser}).first()
        return None if row is None else _interaction(row)

    def find_over(self, interaction_id: str, browser: bytes) -> StoredInteraction | None:
        """Return one of this browser, open or over, as long as it is remembered."""
        row = self._connection.execute(_FIND_OVER, {"key": interaction_id, "whose": browser}).first()
        return None if row is None else _interaction(row)

    def choose(self, interaction_id: str, browser: bytes, sid: str, *, authenticated: bool) -> bool:
        """Say in which session the person goes on; False when it is not open, or was approved or denied already."""
        return self._changed(_CHOOSE, interaction_id, browser, chosen=sid, proved=authenticated)

    def approve(self, interaction_id: str, browser: bytes, sid: str, scope: frozenset[str]) -> bool:
        """Note the consent; False when it is not open, or was approved or denied already."""
        return self._changed(_APPROVE, interaction_id, browser, chosen=sid, scope=tuple(sorted(scope)))

    def deny(self, interaction_id: str, browser: bytes) -> bool:
        """Note the refusal; False when it is not open, or was approved or denied already."""
        return self._changed(_DENY, interaction_id, browser)

    def finish(self, interaction_id: str, browser: bytes) -> bool:
        """Close it, because it is being answered; of any number of tries one succeeds."""
        return self._changed(_FINISH, interaction_id, browser)

    def purge(self, limit: int = 500) -> int:
        """Delete up to `limit` that expired a day ago; return how many. Until then they can be started again."""
        dead = select(_I.id).where(_I.expires_at < now_ms() - REMEMBERED_MS).limit(limit)
        return self._connection.execute(delete(INTERACTION).where(_I.id.in_(dead))).rowcount

    def _changed(self, statement: Any, interaction_id: str, browser: bytes, **values: object) -> bool:
        return self._connection.execute(statement, {"key": interaction_id, "whose": browser} | values).rowcount == 1


def _interaction(row: Row[Any]) -> StoredInteraction:
    return StoredInteraction(
        id=row.id,
        client_id=row.client_id,
        request=row.request,
        sid=row.sid,
        authenticated=row.authenticated,
        approved_sid=row.approved_sid,
        approved_scope=frozenset(row.approved_scope or ()),
        denied=row.denied,
        created_at=row.created_at,
        expires_at=row.expires_at,
    )
