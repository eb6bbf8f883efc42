"""Counters of guesses and of rates: counted before the work they guard, given back when it turned out to be honest.

One statement counts and answers whether this attempt may go on, so of any number of parallel attempts exactly those that the limit
allows go on. Keys are keyed digests: what somebody typed as a name is not kept.

`attempt` slows down guesses at one secret: the first few are free, then each waits twice as long as the one before it.
`rate_bucket` is a leaky bucket: so many at once, then one for each interval.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Connection,
    Integer,
    Table,
    and_,
    bindparam,
    case,
    cast,
    delete,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert as upsert

from auth_server.store.schema import METADATA, Digest, Milliseconds, Number, now_ms

ATTEMPT: Final = Table(
    "attempt",
    METADATA,
    Column("key", Digest, primary_key=True),
    # Every guess, and those among them that were let through: delays grow with the latter, or an impatient owner would lock the door.
    Column("failures", Number, nullable=False),
    Column("admissions", Number, nullable=False),
    Column("last_at", Milliseconds, nullable=False, index=True),
    Column("blocked_until", Milliseconds, nullable=False),
    # Where the last admitted guess came from, and whether the newest guess was admitted.
    Column("origin", Digest, nullable=False),
    Column("admitted", Boolean, nullable=False),
)

RATE_BUCKET: Final = Table(
    "rate_bucket",
    METADATA,
    Column("key", Digest, primary_key=True),
    Column("empty_at", Milliseconds, nullable=False, index=True),
    Column("last_at", Milliseconds, nullable=False),
    Column("refusals", Number, nullable=False),
    Column("admitted", Boolean, nullable=False),
)

# A secret that nobody guessed at for this long starts from nothing.
MEMORY_MS: Final = 86_400_000
# Beyond so many doublings every delay is the longest one; the bound keeps the shift within 64 bits.
_MAX_DOUBLINGS: Final = 20


@dataclass(frozen=True, slots=True)
class Slowdown:
    """How guesses at one secret are slowed down. Durations are in milliseconds.

    Attributes:
        free: guesses before the first delay.
        first_ms: the delay after that many guesses; it doubles with each one more that was let through.
        longest_ms: where doubling stops: a delay, never a lock.
        yield_ms: how much longer, once delays are at their longest, the place of the last guess waits than every other place; so
            one attacker, however exactly timed, cannot take every turn before the owner.
    """

    free: int = 5
    first_ms: int = 1_000
    longest_ms: int = 60_000
    yield_ms: int = 5_000


@dataclass(frozen=True, slots=True)
class Counted:
    """The verdict on one guess.

    `failures` counts it and all before it, `refusals` those of them that were not let through; `wait_ms` is how long a refused one
    has to wait; `blocked_until` is for `Attempts.give_back`.
    """

    admitted: bool
    failures: int
    refusals: int
    wait_ms: int
    blocked_until: int


@dataclass(frozen=True, slots=True)
class Charged:
    """The verdict of a bucket. `refusals` counts those since it was empty; `wait_ms` is how long a refused one has to wait."""

    admitted: bool
    refusals: int
    wait_ms: int


def _number(name: str) -> ColumnElement[int]:
    return bindparam(name, type_=BigInteger)


def _delay(admissions: ColumnElement[int]) -> ColumnElement[int]:
    doublings = admissions - _number("free")
    doubled = _number("first_ms") * literal(1, BigInteger).bitwise_lshift(cast(doublings, Integer))
    return case(
        (doublings < 0, 0),
        (doublings > _MAX_DOUBLINGS, _number("longest_ms")),
        (doubled > _number("longest_ms"), _number("longest_ms")),
        else_=doubled,
    )


# When the next guess from `:from` is let through.
_LONGEST: Final = _delay(ATTEMPT.c.admissions) == _number("longest_ms")
_READY_AT: Final = ATTEMPT.c.blocked_until + case(
    (and_(ATTEMPT.c.origin == bindparam("from"), _LONGEST), _number("yield_ms")), else_=0
)

_NEW_ATTEMPT: Final = upsert(ATTEMPT).values(
    key=bindparam("counter"),
    failures=1,
    admissions=case((_number("gate_ms") == 0, 1), else_=0),
    last_at=now_ms(),
    blocked_until=now_ms() + _number("gate_ms"),
    origin=bindparam("from"),
    admitted=_number("gate_ms") == 0,
)
_NEW: Final = _NEW_ATTEMPT.excluded
# The time of the statement's start, so that every expression below reads the same one. A wait for the row's lock makes it older,
# which can only refuse more.
_NOW: Final = _NEW.last_at
_STALE: Final = ATTEMPT.c.last_at <= _NOW - MEMORY_MS
_OPEN: Final = _READY_AT <= _NOW
_COUNT: Final = _NEW_ATTEMPT.on_conflict_do_update(
    index_elements=[ATTEMPT.c.key],
    set_={
        "failures": case((_STALE, 1), else_=ATTEMPT.c.failures + 1),
        "admissions": case((_STALE, _NEW.admissions), (_OPEN, ATTEMPT.c.admissions + 1), else_=ATTEMPT.c.admissions),
        "last_at": _NOW,
        # A refused guess moves nothing: otherwise whoever keeps hammering would keep the owner out for ever.
        "blocked_until": case(
            (_STALE, _NEW.blocked_until), (_OPEN, _NOW + _delay(ATTEMPT.c.admissions + 1)), else_=ATTEMPT.c.blocked_until
        ),
        "origin": case((or_(_STALE, _OPEN), _NEW.origin), else_=ATTEMPT.c.origin),
        "admitted": case((_STALE, _NEW.admitted), else_=_OPEN),
    },
).returning(
    ATTEMPT.c.admitted,
    ATTEMPT.c.failures,
    (ATTEMPT.c.failures - ATTEMPT.c.admissions).label("refusals"),
    ATTEMPT.c.blocked_until,
    (_READY_AT - ATTEMPT.c.last_at).label("wait_ms"),
)
_GIVE_BACK_ATTEMPT: Final = (
    update(ATTEMPT)
    .where(ATTEMPT.c.key == bindparam("counter"), ATTEMPT.c.admissions > 0)
    .values(
        failures=ATTEMPT.c.failures - 1,
        admissions=ATTEMPT.c.admissions - 1,
        blocked_until=case((ATTEMPT.c.blocked_until == _number("mine"), now_ms()), else_=ATTEMPT.c.blocked_until),
    )
)
_CLEAR: Final = delete(ATTEMPT).where(ATTEMPT.c.key == bindparam("counter"))

_NEW_BUCKET: Final = upsert(RATE_BUCKET).values(
    key=bindparam("counter"), empty_at=now_ms() + _number("interval_ms"), last_at=now_ms(), refusals=0, admitted=True
)
_BUCKET_NOW: Final = _NEW_BUCKET.excluded.last_at
_FITS: Final = RATE_BUCKET.c.empty_at <= _BUCKET_NOW + _number("tolerance_ms")
_CHARGE: Final = _NEW_BUCKET.on_conflict_do_update(
    index_elements=[RATE_BUCKET.c.key],
    set_={
        "empty_at": case(
            (RATE_BUCKET.c.empty_at <= _BUCKET_NOW, _BUCKET_NOW + _number("interval_ms")),
            (_FITS, RATE_BUCKET.c.empty_at + _number("interval_ms")),
            else_=RATE_BUCKET.c.empty_at,
        ),
        "last_at": _BUCKET_NOW,
        "refusals": case(
            (RATE_BUCKET.c.empty_at <= _BUCKET_NOW, 0), (_FITS, RATE_BUCKET.c.refusals), else_=RATE_BUCKET.c.refusals + 1
        ),
        "admitted": _FITS,
    },
).returning(
    RATE_BUCKET.c.admitted,
    RATE_BUCKET.c.refusals,
    (RATE_BUCKET.c.empty_at - RATE_BUCKET.c.last_at - _number("tolerance_ms")).label("wait_ms"),
)
_GIVE_BACK_CHARGE: Final = (
    update(RATE_BUCKET)
    .where(RATE_BUCKET.c.key == bindparam("counter"))
    .values(empty_at=RATE_BUCKET.c.empty_at - _number("interval_ms"))
)
_FORGET_ATTEMPTS: Final = delete(ATTEMPT).where(
    ATTEMPT.c.key.in_(select(ATTEMPT.c.key).where(ATTEMPT.c.last_at < now_ms() - MEMORY_MS).limit(bindparam("most")))
)
_FORGET_BUCKETS: Final = delete(RATE_BUCKET).where(
    RATE_BUCKET.c.key.in_(select(RATE_BUCKET.c.key).where(RATE_BUCKET.c.empty_at < now_ms()).limit(bindparam("most")))
)


class Attempts:
    """Counters within one transaction. Whoever uses several locks them in one order everywhere, or units wait for each other."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def count(self, key: bytes, slowdown: Slowdown, *, origin: bytes, gate_ms: int = 0) -> Counted:
        """Count a guess before it is looked at, refused ones too.

        Args:
            origin: digest of where it comes from, for `Slowdown.yield_ms`.
            gate_ms: when not 0, the first guess in a day is refused and has to come back after that time.
        """
        values: dict[str, Any] = {"counter": key, "from": origin, "gate_ms": gate_ms, "free": slowdown.free}
        values |= {"first_ms": slowdown.first_ms, "longest_ms": slowdown.longest_ms, "yield_ms": slowdown.yield_ms}
        row = self._connection.execute(_COUNT, values).one()
        wait_ms = 0 if row.admitted else max(row.wait_ms, 1)
        return Counted(row.admitted, row.failures, row.refusals, wait_ms, row.blocked_until)

    def give_back(self, key: bytes, counted: Counted) -> None:
        """Take back an admitted guess that was not looked at after all."""
        self._connection.execute(_GIVE_BACK_ATTEMPT, {"counter": key, "mine": counted.blocked_until})

    def clear(self, key: bytes) -> bool:
        """Forget the failures at one secret; False when there were none."""
        return self._connection.execute(_CLEAR, {"counter": key}).rowcount == 1

    def charge(self, key: bytes, *, interval_ms: int, burst: int) -> Charged:
        """Put one into a bucket that holds `burst` and loses one in each interval."""
        values = {"counter": key, "interval_ms": interval_ms, "tolerance_ms": (burst - 1) * interval_ms}
        row = self._connection.execute(_CHARGE, values).one()
        return Charged(row.admitted, row.refusals, 0 if row.admitted else max(row.wait_ms, 1))

    def give_back_charge(self, key: bytes, *, interval_ms: int) -> None:
        """Take one out of a bucket again."""
        self._connection.execute(_GIVE_BACK_CHARGE, {"counter": key, "interval_ms": interval_ms})

    def forget(self, limit: int = 500) -> int:
        """Delete up to `limit` counters of each kind that say nothing any more; return how many."""
        statements = (_FORGET_ATTEMPTS, _FORGET_BUCKETS)
        return sum(self._connection.execute(statement, {"most": limit}).rowcount for statement in statements)
