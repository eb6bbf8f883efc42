"""The living key source of one issuer: one thread that fetches, and callers that hardly ever wait.

The thread is a daemon and serves synchronous and asynchronous callers alike, so no fetch ever runs on an event loop. Callers read
`view`, one attribute, without a lock. Only a token with an unknown `kid` (or the very first one) waits: for one fetch that all such
tokens share, at most a second, and at most a hundred of them at a time.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import suppress
from typing import Final

from resource_server.after_fork import begin_in_child
from resource_server.jwks.cache import KeyCache, Landing, Step, View
from resource_server.jwks.clock import boot_seconds
from resource_server.jwks.discovery import FeedAddress, Retrieved, Retriever
from resource_server.jwks.fetcher import FetchFailed
from resource_server.jwks.state_file import StateFile
from resource_server.kept import Kept
from resource_server.verifier.errors import KeysUnavailable
from resource_server.verifier.key_set import NOT_ALLOWED
from shared.key_policy import KeyPolicy

WAIT_SECONDS: Final = 1.0
MAX_WAITERS: Final = 100
# The thread looks at the clock at least this often: its own sleep does not advance while a machine is suspended, the clock does.
_LONGEST_SLEEP: Final = 60.0
# Clocks may differ a little between the run that saved a set and this one.
_FUTURE_TOLERANCE: Final = 60.0

Tell = Callable[[str, str, Mapping[str, object]], None]


class KeySource:
    """Keeps the keys of one issuer fresh. Makes no I/O before `start` or the first question.

    Args:
        tell: takes (level, event, fields) for the log.
        clock: seconds that never go back; ages are counted on it.
        wall_clock: seconds since the epoch, for the copy on disk alone.
    """

    def __init__(
        self,
        retriever: Retriever,
        cache: KeyCache,
        *,
        tell: Tell,
        state_file: StateFile | None = None,
        clock: Callable[[], float] = boot_seconds,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._retriever, self._cache, self._tell = retriever, cache, tell
        self._state_file, self._clock, self._wall_clock = state_file, clock, wall_clock
        self._kept = Kept(state_file, "keys", tell)
        self.view: View = cache.view
        self.key_policy: KeyPolicy | None = None
        # Told after each good answer where the issuer's revocation feed is (None: it has none), on the thread that fetches.
        self.on_feed: Callable[[FeedAddress | None], None] = lambda _: None
        self.fetches = self.failed_fetches = 0
        self._closed = False
        self._degraded = False
        self._begin()
        begin_in_child(self._begin)

    def _begin(self) -> None:
        self._condition = threading.Condition()
        self._thread: threading.Thread | None = None
        self._flight: Future[None] = Future()
        self._waiters, self._demanded = 0, False
        self._abandon()

    # For callers.

    def start(self) -> None:
        """Load the copy on disk and begin to fetch in the background. Returns at once; calling it again does nothing."""
        if self._thread is not None and self._thread.is_alive():
            return
        with self._condition:
            if self._closed or (self._thread is not None and self._thread.is_alive()):
                return
            self._restore()
            self._abandon()
            self._thread = threading.Thread(target=self._run, name="resource-server-keys", daemon=True)
            self._thread.start()

    def attend(self) -> bool:
        """Return whether the keys at hand may be used now; see that somebody refreshes them."""
        self.start()
        view, now = self.view, self._clock()
        degraded = now >= view.degraded_from
        if degraded != self._degraded:
            self._degraded = degraded
            if degraded and view.key_set.keys:
                self._tell("warning", "keys_degraded", {"cause": self.last_failure})
        return now < view.unusable_from

    def hasten(self) -> None:
        """Ask the issuer as soon as may be: there is word that its keys changed."""
        self.start()
        with self._condition:
            if not self._closed and not self._cache.in_flight:
                self._demanded = True
                self._condition.notify_all()

    def seek(self, key_id: str) -> None:
        """Return when it is worth verifying (again), waiting for a fetch if need be.

        Raises:
            RevokedKey, UnknownKey, KeysUnavailable: see `cache.KeyCache`.
        """
        flight = self._board(key_id)
        if flight is None:
            return
        try:
            with suppress(FutureTimeout):
                flight.result(WAIT_SECONDS)
        finally:
            self._leave()
        self._settle(key_id, answered=flight.done())

    def refuse(self, key_id: str) -> None:
        """Refuse a token whose key is not here if nobody may ask for it now. Takes no lock: a flood of invented `kid`s comes by here.

        Raises:
            UnknownKey, KeysUnavailable: see `cache.View`.
        """
        view, now = self.view, self._clock()
        if key_id not in view.key_set.revoked and not (now < view.unusable_from and key_id in view.key_set.keys):
            view.refuse(key_id, now)

    async def aseek(self, key_id: str) -> None:
        """Like `seek`, without blocking the event loop."""
        flight = self._board(key_id)
        if flight is None:
            return
        try:
            # Not `wait_for`: that would cancel, on a timeout, a flight which others wait for as well.
            await asyncio.wait({asyncio.wrap_future(flight)}, timeout=WAIT_SECONDS)
        finally:
            self._leave()
        self._settle(key_id, answered=flight.done())

    def warm(self, seconds: float) -> bool:
        """Start, and wait up to `seconds` for the first usable keys. Returns whether there are any."""
        deadline = time.monotonic() + seconds
        self.start()
        while (flight := self._hopeful()) is not None and (left := deadline - time.monotonic()) > 0:
            with suppress(FutureTimeout):
                flight.result(left)
        return self.is_usable

    async def awarm(self, seconds: float) -> bool:
        """Like `warm`, without blocking the event loop."""
        deadline = time.monotonic() + seconds
        self.start()
        while (flight := self._hopeful()) is not None and (left := deadline - time.monotonic()) > 0:
            await asyncio.wait({asyncio.wrap_future(flight)}, timeout=left)
        return self.is_usable

    @property
    def last_failure(self) -> str | None:
        """Why the last fetch was no good; None if it was, or if there was none."""
        return self._cache.last_failure

    @property
    def is_usable(self) -> bool:
        """Whether there are keys younger than H."""
        return self._clock() < self.view.unusable_from and bool(self.view.key_set.keys)

    @property
    def is_degraded(self) -> bool:
        """Whether the keys are older than M: they are used, but the issuer has not confirmed them in time."""
        return self._clock() >= self.view.degraded_from

    @property
    def age_seconds(self) -> float | None:
        """How old the keys are; None if there are none."""
        confirmed_at = self.view.degraded_from - self._cache.healthy_for
        return self._clock() - confirmed_at if self.view.key_set.keys else None

    def close(self) -> None:
        """Stop the thread; a fetch under way is left to end by its own time limit."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()

    # Waiting.

    def _hopeful(self) -> Future[None] | None:
        """Return the flight that may bring the first keys, or None if there are some. Together, or it could land in between."""
        with self._condition:
            return None if self.is_usable else self._flight

    def _board(self, key_id: str) -> Future[None] | None:
        self.start()
        with self._condition:
            if self._cache.plan(key_id, self._clock()) is Step.USE:
                return None
            if self._waiters >= MAX_WAITERS or self._closed:
                raise KeysUnavailable("too many requests wait for the issuer's keys")
            if not self._cache.in_flight:
                self._demanded = True
                self._condition.notify_all()
            self._waiters += 1
            return self._flight

    def _leave(self) -> None:
        with self._condition:
            self._waiters -= 1

    def _settle(self, key_id: str, *, answered: bool) -> None:
        with self._condition:
            self._cache.settle(key_id, self._clock(), answered=answered)

    def _abandon(self) -> None:
        self._cache.abandon(self._clock())
        self.view = self._cache.view

    # The thread.

    def _run(self) -> None:
        condition = self._condition
        while True:
            with condition:
                if not self._await_departure(condition):
                    return
                self._cache.depart(self._clock(), demanded=self._demanded)
                self.view, self._demanded = self._cache.view, False
            self._fly()

    def _await_departure(self, condition: threading.Condition) -> bool:
        while not self._closed and condition is self._condition:
            now = self._clock()
            departs_at = self._cache.refresh_at(now)
            if self._demanded or departs_at <= now:
                return True
            condition.wait(min(departs_at - now, _LONGEST_SLEEP))
        return False

    def _fly(self) -> None:
        try:
            retrieved = self._retriever.retrieve()
        except FetchFailed as error:
            self._arrive(error)
            self._tell("warning", "keys_fetch_failed", {"cause": error.cause, "usable": self.is_usable})
            return
        landing = self._arrive(retrieved)
        if landing is Landing.OLDER_EPOCH:
            self._retriever.forget()
            self._tell("warning", "keys_older_epoch", {"cause": self.last_failure})
            return
        self._note(landing)

    def _arrive(self, outcome: Retrieved | FetchFailed) -> Landing | None:
        landing = None
        with self._condition:
            if isinstance(outcome, FetchFailed):
                self._cache.fail(self._clock(), outcome.retry_after, outcome.cause)
            else:
                landing = self._cache.land(outcome.key_set, self._clock())
                self.key_policy = outcome.key_policy
            self.view = self._cache.view
            self.fetches += 1
            self.failed_fetches += self.last_failure is not None
            flight, self._flight = self._flight, Future()
        if isinstance(outcome, Retrieved):
            # Before whoever waits goes on: what there is to know of the feed is known with the first keys.
            self.on_feed(outcome.feed)
        flight.set_result(None)
        return landing

    def _note(self, landing: Landing | None) -> None:
        key_set = self.view.key_set
        if landing is Landing.ADOPTED:
            self._tell(
                "info", "keys_adopted", {"keys": len(key_set.keys), "epoch": key_set.epoch, "revoked": len(key_set.revoked)}
            )
            for key_id, why in key_set.skipped:
                self._tell("info" if why == NOT_ALLOWED else "warning", "key_skipped", {"kid": key_id, "cause": why})
        if (file := self._state_file) is not None:
            self._kept.write(lambda: file.save(key_set, self._wall_clock()))

    def _restore(self) -> None:
        saved = self._kept.read_once()
        if saved is None:
            return
        age = self._wall_clock() - saved.confirmed_at
        if age < -_FUTURE_TOLERANCE:
            # Its age cannot be told, so H could not be kept. What was revoked stays so.
            age = self._cache.max_stale
        self._cache.restore(saved.key_set, self._clock() - max(0.0, age))
        self.view = self._cache.view
        self._tell("info", "saved_keys_loaded", {"keys": len(saved.key_set.keys), "age_seconds": round(max(0.0, age))})
