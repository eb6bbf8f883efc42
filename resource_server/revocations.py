"""Follows the revocation feed of one issuer: one thread, one waiting connection, and look-ups that never wait.

Rules:

1. It asks `after` the cursor and lets the issuer wait for news; an answer comes at least every ten seconds. When nothing was heard for
   `SILENT_AFTER` seconds, the feed is silent.
2. A page is taken whole or not at all. One that does not follow on the cursor is a gap: everything is asked for anew (a snapshot).
3. What was revoked stays so until its tokens have expired, whatever a later page, a snapshot or a restart says; a burned key for ever.
4. A page that was signed with a key that is not known here makes one look for it; one that tells of another `key_epoch` than that of the
   keys at hand makes one ask for them at once.
5. After a failure it asks again within moments, at most `LAST_RETRY` seconds later.
6. While the feed is silent, or before the first snapshot where one is required, the caller's policy decides: go on by `exp` alone
   (`open`), or answer 503 (`closed`).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final, Literal, TypeAlias

from resource_server.after_fork import begin_in_child
from resource_server.feed_file import FeedFile
from resource_server.feed_questions import SPREAD, FeedQuestions, FetchPage, pause_after
from resource_server.jwks.discovery import FeedAddress
from resource_server.jwks.fetcher import FetchFailed
from resource_server.jwks.source import KeySource, Tell
from resource_server.kept import Kept
from resource_server.verifier.errors import RevocationsUnknown
from resource_server.verifier.feed_page import BadPage, Page
from resource_server.verifier.policy import Policy
from resource_server.verifier.revoked import Revoked, TooManyRevocations
from resource_server.verifier.token import VerifiedToken, clear
from shared.revocation import SILENT_AFTER, RevocationEntry

SilentFeed: TypeAlias = Literal["open", "closed"]

# An answer that brings nothing and comes this soon was not waited for: the issuer has no room, so ask as often as it would answer.
_UNWAITED_SECONDS: Final = 1.0
_POLL_SECONDS: Final = (6.0, 9.0)
_FORGET_EVERY: Final = 60.0


class Revocations:
    """What one issuer has revoked, kept current in the background. Thread-safe; makes no I/O before it is told of a feed.

    Args:
        silent_feed: what becomes of tokens while the feed is silent.
        require_snapshot: answer 503 until the whole of the feed was read once.
        clock: seconds since the epoch.
        monotonic: seconds that never go back.
    """

    def __init__(
        self,
        policy: Policy,
        keys: KeySource,
        fetch: FetchPage,
        *,
        tell: Tell,
        state_file: FeedFile | None = None,
        silent_feed: SilentFeed = "open",
        require_snapshot: bool = False,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.revoked: Final = Revoked()
        self._silent_feed, self._require_snapshot = silent_feed, require_snapshot
        self._is_strict = silent_feed == "closed" or require_snapshot
        self._policy, self._keys, self._tell = policy, keys, tell
        self._issuer = FeedQuestions(policy, keys, fetch, self.revoked, clock)
        self._state_file, self._clock, self._monotonic = state_file, clock, monotonic
        self._kept = Kept(state_file, "feed", tell)
        self._address: FeedAddress | None = None
        self._cursor: int | None = None
        self._key_epoch = -1
        self._was_told = self._is_whole = self._was_silent = False
        self._heard_at = self._forgot_at = float("-inf")
        self._failures = 0
        self._closed = threading.Event()
        self.last_failure: str | None = None
        self.pages = self.failed_pages = 0
        self._begin()
        begin_in_child(self._begin)

    def _begin(self) -> None:
        # Threads do not live on in a forked child.
        self._lock = threading.Lock()
        self._taking = threading.RLock()
        self._thread: threading.Thread | None = None
        # Stands for all that is known now: a token that was held against it need not be again. None: nothing is revoked at all. One
        # attribute, because every request asks it.
        self.clearance: object = object()
        self._needs_care = True

    def check(self, token: VerifiedToken, silent_feed: SilentFeed | None = None) -> None:
        """Refuse a token that is revoked, or of which that cannot be told where it must be.

        Args:
            silent_feed: a policy other than the guard's.

        Raises:
            RevokedKey, RevokedToken, RevocationsUnknown.
        """
        clearance = self.clearance  # before the look: what comes in between has another one
        self.revoked.check(token)
        if self._needs_care or silent_feed is not None:
            self._check_feed(silent_feed)
        else:
            clear(token, clearance)

    def _renew(self) -> None:
        self.clearance = object() if self.revoked.any or self._is_strict else None

    def _check_feed(self, silent_feed: SilentFeed | None) -> None:
        if self._thread is None and self._address is not None:
            self.follow(self._address)  # this process was forked from the one that followed
        self._needs_care = self._is_strict
        if self._require_snapshot and not self._is_whole:
            raise RevocationsUnknown(f"no snapshot of the revocation feed yet: {self._cause()} (setting: require_snapshot)")
        if (silent_feed or self._silent_feed) == "closed" and self.is_silent:
            raise RevocationsUnknown(f"the revocation feed is silent: {self._cause()} (setting: silent_feed)")

    def add(self, entry: RevocationEntry) -> None:
        """Take an entry that came another way than by the feed, and keep it like those: tokens that it matches are refused from now on.

        Raises:
            TooManyRevocations: there is no room for it.
        """
        self.start()
        with self._taking:
            self.revoked.add(entry)
            self._forget()
            # Behind the entry: whoever looked before looks again.
            self._renew()
            self._save()

    def start(self) -> None:
        """Load what an earlier run left on disk. The rest begins when the issuer's metadata name a feed."""
        if not self._kept.was_read:
            with self._lock:
                self._restore()

    def follow(self, address: FeedAddress | None) -> None:
        """Follow the feed at `address`; None says that the issuer has none."""
        self._address, self._was_told = address, True
        if address is None:
            self._renew()
            return
        with self._lock:
            if not self._closed.is_set() and (self._thread is None or not self._thread.is_alive()):
                self._thread = threading.Thread(target=self._run, name="resource-server-revocations", daemon=True)
                self._thread.start()

    @property
    def is_warm(self) -> bool:
        """Whether there is nothing to wait for: the feed was read whole, there is none, or the issuer does not answer."""
        has_none = self._was_told and self._address is None
        return self._is_whole or has_none or self.failed_pages > 0 or self._keys.failed_fetches > 0

    @property
    def is_followed(self) -> bool:
        """Whether the issuer has a feed that can be followed."""
        return self._address is not None

    @property
    def is_silent(self) -> bool:
        """Whether nothing was heard for too long, or ever."""
        return self._monotonic() - self._heard_at > SILENT_AFTER

    @property
    def age_seconds(self) -> float | None:
        """How long ago the issuer was last heard; None if never."""
        age = self._monotonic() - self._heard_at
        return None if age == float("inf") else age

    @property
    def outage(self) -> str | None:
        """Why tokens cannot be judged now by this guard's policy; None if they can."""
        if self._require_snapshot and not self._is_whole:
            return f"no snapshot of the revocation feed of {self._policy.issuer} yet: {self._cause()}"
        if self._silent_feed == "closed" and self.is_silent:
            return f"the revocation feed of {self._policy.issuer} is silent: {self._cause()}"
        return None

    @property
    def warning(self) -> str | None:
        """What stands in nobody's way yet."""
        if not self.is_followed or not self.is_silent or self.outage:
            return None
        age = self.age_seconds
        heard = "was never heard" if age is None else f"was last heard {age:.0f} s ago"
        return f"the revocation feed of {self._policy.issuer} {heard}: {self._cause()}"

    def close(self) -> None:
        """Stop; a question under way is left to end by its own time limit."""
        self._closed.set()

    def _cause(self) -> str:
        if self._was_told and self._address is None:
            return "the issuer has none"
        return self.last_failure or "not heard yet"

    def _run(self) -> None:
        self.start()
        unwaited = 0
        while not self._closed.is_set():
            address = self._address
            if address is None:
                return
            # Behind a failure it asks for any answer, to be heard of again; only then does it wait for news.
            waits = self._is_whole and self._cursor is not None and self._failures == 0
            began = self._monotonic()
            try:
                page = self._issuer.ask(address, waits=waits, after=self._cursor, key_epoch=self._key_epoch)
                is_news = self._take(page)
            except (FetchFailed, BadPage, TooManyRevocations) as failure:
                pause = self._failed(failure)
            else:
                quick = waits and not is_news and self._monotonic() - began < _UNWAITED_SECONDS
                # Once may be chance; twice in a row means that it is not let wait.
                unwaited = unwaited + 1 if quick else 0
                pause = SPREAD.uniform(*_POLL_SECONDS) if unwaited > 1 else 0.0
            self._note_silence()
            if pause:
                self._closed.wait(pause)

    def _take(self, page: Page) -> bool:
        """Take a page, and return whether it brought anything.

        Raises:
            BadPage: it does not follow on what is here.
            TooManyRevocations: there is no room for it.
        """
        with self._taking:
            self._add_all(page)
            moved, self._cursor = page.last != self._cursor, page.last
            self.pages += 1
            self._failures, self.last_failure = 0, None
            if not page.has_more:
                self._is_whole, self._heard_at = True, self._monotonic()
            held = self._keys.view.key_set.epoch
            if held is not None and held < page.key_epoch:
                self._keys.hasten()
            self._forget()
            if not self.revoked.any or self.clearance is None or page.is_snapshot:
                self._renew()
            if moved and not page.has_more:
                self._save()
            told, self._key_epoch = self._key_epoch, page.key_epoch
            return moved or page.is_snapshot or told != page.key_epoch

    def _add_all(self, page: Page) -> None:
        if not page.is_snapshot and page.first != (self._cursor or 0) + 1:
            expected, self._cursor = (self._cursor or 0) + 1, None
            raise BadPage(f"a gap: entries from {page.first} on, expected {expected}")
        try:
            for entry in page.entries:
                self.revoked.add(entry)
        finally:
            # Behind the entries: whoever looked at less than all of them looks again.
            if page.entries:
                self.clearance = object()

    def _failed(self, failure: Exception) -> float:
        self.last_failure = str(failure)
        self.failed_pages += 1
        if self._failures == 0:
            self._tell("warning", "feed_failed", {"cause": self.last_failure})
        self._failures += 1
        return pause_after(failure, self._failures - 1)

    def _note_silence(self) -> None:
        silent = self.is_silent
        if silent != self._was_silent:
            self._was_silent = silent
            self._tell("warning" if silent else "info", "feed_silent" if silent else "feed_heard", {"cause": self.last_failure})

    def _forget(self) -> None:
        now = self._monotonic()
        if now - self._forgot_at > _FORGET_EVERY:
            self._forgot_at = now
            self.revoked.forget(self._clock())

    def _save(self) -> None:
        if (file := self._state_file) is not None:
            self._kept.write(lambda: file.save(self._cursor, self.revoked.entries()))

    def _restore(self) -> None:
        saved = self._kept.read_once()
        if saved is None:
            return
        with self._taking:
            for entry in saved.entries:
                self.revoked.add(entry)
            self.clearance = object()
        self._cursor = saved.cursor
        self._tell("info", "saved_feed_loaded", {"entries": len(saved.entries)})
