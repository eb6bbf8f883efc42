"""Sign-in sessions: who proved themselves, when and how, and until when that counts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    ForeignKey,
    Row,
    Table,
    Text,
    bindparam,
    case,
    delete,
    insert,
    or_,
    select,
    update,
)

from auth_server.store.logouts import Logouts
from auth_server.store.schema import METADATA, Digest, Milliseconds, Number, Words, now_ms
from auth_server.store.signals import Signals

SESSION: Final = Table(
    "session",
    METADATA,
    Column("sid", Text, primary_key=True),
    Column("sub", Text, ForeignKey("account.sub", ondelete="CASCADE"), nullable=False, index=True),
    Column("auth_time", Number, nullable=False),
    Column("acr", Text, nullable=False),
    Column("amr", Words, nullable=False),
    Column("created_at", Milliseconds, nullable=False),
    Column("idle_expires_at", Milliseconds, nullable=False),
    Column("absolute_expires_at", Milliseconds, nullable=False, index=True),
    Column("ended_at", Milliseconds, index=True),
    Column("end_reason", Text),
    Column("address", Text),
    Column("user_agent", Text),
    # The digest of the cookie of the browser that holds it; none for sessions that no browser holds.
    Column("browser", Digest, index=True),
)

# How long a session stays to be asked about after it ended, or after its absolute end. Its idle end does not count: a refresh family
# that is used keeps its session alive without writing to it.
REMEMBERED_MS: Final = 86_400_000

_LIVE: Final = (SESSION.c.ended_at.is_(None), SESSION.c.idle_expires_at > now_ms(), SESSION.c.absolute_expires_at > now_ms())
_IDLE_MS: Final = bindparam("idle_ms", type_=BigInteger)
_NEXT_IDLE_END: Final = now_ms() + _IDLE_MS

_START: Final = (
    insert(SESSION)
    .values(
        sid=bindparam("sid"),
        sub=bindparam("sub"),
        auth_time=now_ms() // 1000,
        acr=bindparam("acr"),
        amr=bindparam("amr"),
        created_at=now_ms(),
        idle_expires_at=_NEXT_IDLE_END,
        absolute_expires_at=now_ms() + bindparam("absolute_ms", type_=BigInteger),
        address=bindparam("address"),
        user_agent=bindparam("user_agent"),
        browser=bindparam("browser"),
    )
    .returning(SESSION)
)
_FIND: Final = select(SESSION).where(SESSION.c.sid == bindparam("key"))
_FIND_LIVE: Final = _FIND.where(*_LIVE)
_LIVE_OF: Final = (
    select(SESSION)
    .where(SESSION.c.sub == bindparam("key"), *_LIVE)
    .order_by(SESSION.c.created_at.desc())
    .limit(bindparam("most"))
)
_TOUCH: Final = (
    update(SESSION)
    .where(SESSION.c.sid == bindparam("key"), *_LIVE)
    .values(
        idle_expires_at=case(
            (SESSION.c.absolute_expires_at < _NEXT_IDLE_END, SESSION.c.absolute_expires_at), else_=_NEXT_IDLE_END
        )
    )
    .returning(SESSION)
)
_IN_BROWSER: Final = (
    select(SESSION).where(SESSION.c.browser == bindparam("key"), *_LIVE).order_by(SESSION.c.auth_time.desc(), SESSION.c.sid)
)
_LAPSED_IN_BROWSER: Final = (
    select(SESSION)
    .where(SESSION.c.browser == bindparam("key"), SESSION.c.ended_at.is_(None), SESSION.c.idle_expires_at <= now_ms())
    .order_by(SESSION.c.auth_time.desc(), SESSION.c.sid)
)
_MOVE: Final = update(SESSION).where(SESSION.c.browser == bindparam("key")).values(browser=bindparam("successor"))
_REAUTHENTICATE: Final = (
    update(SESSION)
    .where(SESSION.c.sid == bindparam("key"), *_LIVE)
    .values(
        auth_time=now_ms() // 1000,
        acr=bindparam("reached"),
        amr=bindparam("methods", type_=Words),
        idle_expires_at=case(
            (SESSION.c.absolute_expires_at < _NEXT_IDLE_END, SESSION.c.absolute_expires_at), else_=_NEXT_IDLE_END
        ),
    )
    .returning(SESSION)
)
_ENDED: Final = {"ended_at": now_ms(), "end_reason": bindparam("reason")}
_END: Final = (
    update(SESSION).where(SESSION.c.sid == bindparam("key"), SESSION.c.ended_at.is_(None)).values(**_ENDED).returning(SESSION)
)
_END_ALL: Final = (
    update(SESSION)
    .where(SESSION.c.sub == bindparam("key"), SESSION.c.ended_at.is_(None), SESSION.c.sid != bindparam("kept"))
    .values(**_ENDED)
    .returning(SESSION.c.sid)
)
_FORGET: Final = delete(SESSION).where(
    SESSION.c.sid.in_(
        select(SESSION.c.sid)
        .where(or_(SESSION.c.absolute_expires_at < now_ms() - REMEMBERED_MS, SESSION.c.ended_at < now_ms() - REMEMBERED_MS))
        .limit(bindparam("most"))
    )
)


@dataclass(frozen=True, slots=True)
class Session:
    """One sign-in. `auth_time` is in seconds since the epoch, the other times in milliseconds, all by the database clock.

    `acr` and `amr` say how the person proved themselves (RFC 9068 section 2.2.1, RFC 8176). `idle_expires_at` never passes
    `absolute_expires_at`.
    """

    sid: str
    sub: str
    auth_time: int
    acr: str
    amr: tuple[str, ...]
    created_at: int
    idle_expires_at: int
    absolute_expires_at: int
    ended_at: int | None = None
    end_reason: str | None = None
    address: str | None = None
    user_agent: str | None = None


@dataclass(frozen=True, slots=True)
class NewSession:
    """What a session starts from; its times come from the database. Lifetimes are in milliseconds."""

    sid: str
    sub: str
    acr: str
    amr: tuple[str, ...]
    idle_ms: int
    absolute_ms: int
    address: str | None = None
    user_agent: str | None = None
    browser: bytes | None = field(default=None, repr=False)


class Sessions:
    """Sessions within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def start(self, new: NewSession) -> Session:
        """Store a session that starts now."""
        values = {name: getattr(new, name) for name in NewSession.__dataclass_fields__}
        return _session(self._connection.execute(_START, values).one())

    def find(self, sid: str) -> Session | None:
        """Return a session, over or not; None when there is none or it is long over."""
        return _session_or_none(self._connection.execute(_FIND, {"key": sid}).first())

    def find_live(self, sid: str) -> Session | None:
        """Return a session that is neither ended nor expired."""
        return _session_or_none(self._connection.execute(_FIND_LIVE, {"key": sid}).first())

    def has_ended(self, sid: str) -> bool:
        """Say whether a session was ended, or forgotten since; one that only lies idle was not."""
        row = self._connection.execute(_FIND, {"key": sid}).first()
        return row is None or row.ended_at is not None

    def live_of(self, sub: str, limit: int) -> list[Session]:
        """Return up to `limit` live sessions of an account, newest first."""
        return [_session(row) for row in self._connection.execute(_LIVE_OF, {"key": sub, "most": limit})]

    def in_browser(self, browser: bytes) -> list[Session]:
        """Return the live sessions that a browser holds, the one with the latest sign-in first."""
        return [_session(row) for row in self._connection.execute(_IN_BROWSER, {"key": browser})]

    def lapsed_in_browser(self, browser: bytes) -> list[Session]:
        """Return the sessions of a browser that nobody ended and that were not used for too long."""
        return [_session(row) for row in self._connection.execute(_LAPSED_IN_BROWSER, {"key": browser})]

    def move(self, browser: bytes, successor: bytes) -> None:
        """Put another cookie in the place of a browser's: the old one opens nothing from now on."""
        self._connection.execute(_MOVE, {"key": browser, "successor": successor})

    def reauthenticate(self, sid: str, *, acr: str, amr: tuple[str, ...], idle_ms: int) -> Session | None:
        """Note that the person of a live session proved again who they are; None when it is over."""
        values = {"key": sid, "reached": acr, "methods": amr, "idle_ms": idle_ms}
        return _session_or_none(self._connection.execute(_REAUTHENTICATE, values).first())

    def touch(self, sid: str, idle_ms: int) -> Session | None:
        """Count a use: the session now ends `idle_ms` from now, or at its absolute end; None when it is over."""
        return _session_or_none(self._connection.execute(_TOUCH, {"key": sid, "idle_ms": idle_ms}).first())

    def end(self, sid: str, reason: str) -> Session | None:
        """End a session and return it; its clients are to be told. None when there is none or it was ended already."""
        ended = _session_or_none(self._connection.execute(_END, {"key": sid, "reason": reason}).first())
        if ended is not None:
            Logouts(self._connection).queue([sid])
            Signals(self._connection).sessions_ended(ended.sub, [sid])
        return ended

    def end_all(self, sub: str, reason: str, *, keep_sid: str | None = None) -> list[str]:
        """End every session of an account, but for `keep_sid`; return the `sid` of each that was ended."""
        values = {"key": sub, "reason": reason, "kept": keep_sid or ""}
        ended = list(self._connection.execute(_END_ALL, values).scalars())
        Logouts(self._connection).queue(ended)
        Signals(self._connection).sessions_ended(sub, ended)
        return ended

    def end_everybody(self, reason: str) -> None:
        """End every session there is."""
        statement = update(SESSION).where(SESSION.c.ended_at.is_(None)).values(**_ENDED).returning(SESSION.c.sid)
        Logouts(self._connection).queue(list(self._connection.execute(statement, {"reason": reason}).scalars()))

    def forget(self, limit: int = 500) -> int:
        """Delete up to `limit` sessions that have been over for a day; return how many."""
        return self._connection.execute(_FORGET, {"most": limit}).rowcount


def _session_or_none(row: Row[Any] | None) -> Session | None:
    return None if row is None else _session(row)


def _session(row: Row[Any]) -> Session:
    return Session(
        sid=row.sid,
        sub=row.sub,
        auth_time=row.auth_time,
        acr=row.acr,
        amr=row.amr,
        created_at=row.created_at,
        idle_expires_at=row.idle_expires_at,
        absolute_expires_at=row.absolute_expires_at,
        ended_at=row.ended_at,
        end_reason=row.end_reason,
        address=row.address,
        user_agent=row.user_agent,
    )
