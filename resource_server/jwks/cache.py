"""When keys may be used, when they must be fetched, and when nothing can be said. Pure: `now` comes in, a decision goes out.

Rules:

1. A set replaces the one before, whole; sets are never merged. A set with a lower `epoch` than one ever held is not adopted, nor is one
   without an epoch after one with it. `kid`s that were ever told `revoked` stay revoked, whatever a later answer says.
2. An answer that failed, is empty, too large or unreadable changes nothing.
3. Keys younger than M (1.25 refresh intervals) are healthy, older ones are used but called degraded, and after H nothing is answered
   from them.
4. An unknown `kid` may cause a fetch. Such fetches draw on a bucket: capacity 5, one back every 30 s, or twice in a refresh interval
   where that is less: the bucket must never keep a refresh waiting for longer than M. Any two fetches start at least one second apart,
   and only one is in flight, which all that come meanwhile share. Within that second the bucket counts as empty: the
   issuer was asked a moment ago, and a stampede costs it one request.
5. Fetches that nobody demanded (refresh every interval, give or take 10 %; after a failure 1 s doubling to 30 s with full jitter)
   draw on the same bucket, so that a flood of unknown `kid`s cannot be used to multiply them. Only while no key is usable at all do
   they leave the bucket alone: then the first request after the issuer is back should find it full.
6. `Retry-After` is obeyed: until then there is no fetch at all.

            set age <= M              set age > M             set age > H, or no set
known       use                       use, degraded           fetch as below, else 503
revoked     401                       401                     401
unknown     bucket not empty: fetch, then 401 if the answer was good and lacks it, 503 if the fetch failed or is not done
            bucket empty: 401 if the last fetch was good, else 503
            (age > M, or no usable set, and bucket empty: 503)

Times are seconds of one clock that never goes back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum
from math import ceil, inf
from typing import Final

from resource_server.verifier.errors import KeysUnavailable, RevokedKey, UnknownKey
from resource_server.verifier.key_set import KeySet

BUCKET_CAPACITY: Final = 5
SECONDS_PER_TOKEN: Final = 30.0
MIN_SPACING: Final = 1.0
FIRST_RETRY: Final = 1.0
LAST_RETRY: Final = 30.0
# M is 1.25 refresh intervals; the interval itself varies by a tenth, so a healthy server has time for a slow fetch and one retry.
HEALTHY_FACTOR: Final = 1.25
_JITTER: Final = 0.1
# A token comes back after this part of a refresh interval: one for the refresh itself, one for who asks.
_SHARE_OF_INTERVAL: Final = 0.45

_NOTHING: Final = KeySet({})
_NO_ANSWER: Final = "the issuer has not answered yet"
_OLDER: Final = "the answer is older than the keys at hand (its epoch is lower, or missing)"


class Landing(Enum):
    """What became of an answer."""

    ADOPTED = "adopted"
    UNCHANGED = "unchanged"
    OLDER_EPOCH = "older_epoch"


class Step(Enum):
    """What to do about a `kid`: verify with the keys at hand, or look for newer ones first."""

    USE = "use"
    FETCH = "fetch"


@dataclass(frozen=True, slots=True)
class View:
    """The keys at hand, as one value that is read without a lock.

    `generation` changes whenever a verification could end otherwise than before. `degraded_from` and `unusable_from` are times of the
    cache's clock (M and H). Before `closed_until` nobody may ask the issuer about a `kid` that is not here; `again_at` is when it is
    worth to come again, `last_good` says whether the issuer's last answer was good, and `cause` why it was not.
    """

    key_set: KeySet
    generation: int
    degraded_from: float
    unusable_from: float
    last_good: bool = False
    closed_until: float = -inf
    again_at: float = -inf
    cause: str = _NO_ANSWER

    def refuse(self, key_id: str, now: float) -> None:
        """Refuse a token whose key is not here (or no longer usable), if nobody may ask for it now.

        Raises:
            UnknownKey: it is certain that there is no such key.
            KeysUnavailable: it cannot be decided.
        """
        if now < self.closed_until:
            raise self.unknown(key_id, "a moment ago") if self.last_good and now < self.degraded_from else self.unavailable(now)

    def unknown(self, key_id: str, when: str) -> UnknownKey:
        """Return the refusal of a `kid` that is not here, the issuer having been asked `when`."""
        known = self.key_set.some_key_ids
        return UnknownKey(f"kid {key_id!r} is not among: {known}; the issuer was asked {when} (setting: issuer)", key_id)

    def unavailable(self, now: float) -> KeysUnavailable:
        """Return the refusal of a token that cannot be judged for now."""
        wait = min(max(self.again_at - now, 0.0), LAST_RETRY)
        # The cause last: a log cuts what is long.
        hint = f"no usable key set, or the last fetch failed (settings: issuer, metadata_url): {self.cause}"
        return KeysUnavailable(hint, retry_after=ceil(wait))


class KeyCache:
    """The rules above, over one issuer. Not thread-safe: its owner holds a lock, which is never held across I/O.

    Args:
        refresh_every: seconds between two refreshes that nobody asked for.
        max_stale: H, in seconds.
        random: returns a number from 0 up to 1; handed in, so that a test can choose it.
    """

    def __init__(self, refresh_every: float, max_stale: float, random: Callable[[], float]) -> None:
        self.healthy_for = HEALTHY_FACTOR * refresh_every
        self.max_stale = max_stale
        self.view = View(_NOTHING, 0, -inf, -inf)
        self.in_flight = False
        self.last_good = False
        self.last_failure: str | None = None
        self._refresh_every = refresh_every
        self._seconds_per_token = min(SECONDS_PER_TOKEN, _SHARE_OF_INTERVAL * refresh_every)
        self._random = random
        self._highest_epoch: int | None = None
        self._tokens = float(BUCKET_CAPACITY)
        self._counted_at = -inf
        self._started_at = -inf
        self._not_before = -inf
        self._failures = 0
        self._due_at = -inf

    # Asking.

    def plan(self, key_id: str, now: float) -> Step:
        """Say what to do about a token signed under `key_id`.

        Raises:
            RevokedKey, UnknownKey: it is certain that the token must be refused.
            KeysUnavailable: it cannot be decided, nor may a fetch be made for it now.
        """
        if key_id in self.view.key_set.revoked:
            raise RevokedKey(f"kid {key_id!r} was burned by the issuer")
        usable = now < self.view.unusable_from
        if usable and key_id in self.view.key_set.keys:
            return Step.USE
        self.view.refuse(key_id, now)
        return Step.FETCH

    def settle(self, key_id: str, now: float, *, answered: bool) -> None:
        """After waiting for a fetch: return if it is worth verifying again, else refuse. `answered`: the fetch ended in time.

        Raises:
            RevokedKey, UnknownKey: the answer was good, and it settles the matter.
            KeysUnavailable: there was no good answer.
        """
        if key_id in self.view.key_set.revoked:
            raise RevokedKey(f"kid {key_id!r} was burned by the issuer")
        usable = now < self.view.unusable_from
        if usable and key_id in self.view.key_set.keys:
            return
        if usable and self.view.last_good and answered:
            raise self.view.unknown(key_id, "just now")
        raise self.view.unavailable(now)

    def refresh_at(self, now: float) -> float:
        """Return when the next fetch is due that nobody demanded; infinity while one is in flight."""
        if self.in_flight:
            return inf
        earliest = max(self._due_at, self._started_at + MIN_SPACING, self._not_before)
        missing = 1.0 - self._tokens_at(now)
        if missing > 0 and now < self.view.unusable_from:
            earliest = max(earliest, now + missing * self._seconds_per_token)
        return earliest

    # Telling.

    def depart(self, now: float, *, demanded: bool) -> None:
        """Note that a fetch starts, and whether a token asked for it."""
        drawn = 1.0 if demanded or now < self.view.unusable_from else 0.0
        self._tokens = max(0.0, self._tokens_at(now) - drawn)
        self._counted_at = now
        self._started_at = now
        self.in_flight = True
        self._show(now)

    def abandon(self, now: float) -> None:
        """Note that whatever is in flight will never land: whoever made the fetch is gone."""
        self.in_flight = False
        self._show(now)

    def land(self, key_set: KeySet | None, now: float) -> Landing:
        """Take a good answer; None says that the set at hand is still the newest (304).

        The age of a set counts from the start of the fetch: what the issuer said then may be old by the time it arrives.
        """
        self.in_flight = False
        if key_set is not None and self._is_older(key_set):
            self._failed(now, None, _OLDER)
            return Landing.OLDER_EPOCH
        self.last_good, self.last_failure = True, None
        self._failures = 0
        self._due_at = self._started_at + self._refresh_every * (1 + _JITTER * (2 * self._random() - 1))
        landing = self._adopt(key_set or self.view.key_set, self._started_at)
        self._show(now)
        return landing

    def fail(self, now: float, retry_after: float | None = None, cause: str = _NO_ANSWER) -> None:
        """Note that a fetch failed, and why; nothing of the keys at hand changes."""
        self.in_flight = False
        self._failed(now, retry_after, cause)

    def restore(self, key_set: KeySet, fetched_at: float) -> None:
        """Take the set that an earlier run left behind; `fetched_at` is on this cache's clock, and may be long ago."""
        self._adopt(key_set, fetched_at)

    def _adopt(self, key_set: KeySet, fetched_at: float) -> Landing:
        held = self.view
        revoked = held.key_set.revoked | key_set.revoked
        same = key_set is held.key_set or _equal(key_set, held.key_set)
        if same and revoked == held.key_set.revoked:
            kept, generation = held.key_set, held.generation
        else:
            kept, generation = key_set.without(revoked), held.generation + 1
        if key_set.epoch is not None:
            self._highest_epoch = key_set.epoch
        self.view = View(kept, generation, fetched_at + self.healthy_for, fetched_at + self.max_stale)
        return Landing.ADOPTED if generation != held.generation else Landing.UNCHANGED

    def _is_older(self, key_set: KeySet) -> bool:
        if self._highest_epoch is None:
            return False
        return key_set.epoch is None or key_set.epoch < self._highest_epoch

    def _failed(self, now: float, retry_after: float | None, cause: str) -> None:
        self.last_good, self.last_failure = False, cause
        delay = min(LAST_RETRY, FIRST_RETRY * 2.0 ** min(self._failures, 10))
        self._failures += 1
        self._due_at = now + delay * self._random()
        if retry_after is not None:
            self._not_before = now + min(retry_after, self._refresh_every)
        self._show(now)

    def _tokens_at(self, now: float) -> float:
        return min(float(BUCKET_CAPACITY), self._tokens + max(0.0, now - self._counted_at) / self._seconds_per_token)

    def _demand_at(self) -> float:
        """Return from when on a token may ask for a fetch."""
        missing = 1.0 - self._tokens
        full_at = self._counted_at + missing * self._seconds_per_token if missing > 0 else -inf
        return max(full_at, self._started_at + MIN_SPACING, self._not_before)

    def _show(self, now: float) -> None:
        """Let the view tell what follows from the state that was just reached."""
        self.view = replace(
            self.view,
            last_good=self.last_good,
            closed_until=-inf if self.in_flight else self._demand_at(),
            again_at=min(self._demand_at(), self.refresh_at(now)),
            cause=self.last_failure or _NO_ANSWER,
        )


def _equal(one: KeySet, other: KeySet) -> bool:
    return one.keys == other.keys and one.epoch == other.epoch
