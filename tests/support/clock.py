"""A virtual clock that the process and its database share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from auth_server.clock import DatabaseClock

# 2027-01-15 08:00:00 UTC.
START_MS: Final = 1_800_000_000_000
_START_MONOTONIC: Final = 1_000.0


class FakeClock(DatabaseClock):
    """Time that moves when a test says so: the database's clock, and the process's monotonic clock beside it.

    Attributes:
        ms: the database's time, milliseconds since the epoch.
        wall_error: how many seconds this machine's wall clock is ahead of the database's.
    """

    def __init__(self, ms: int = START_MS) -> None:
        super().__init__()
        self.ms = ms
        self.wall_error = 0.0
        self._monotonic = _START_MONOTONIC
        self._watchers: list[Callable[[int], None]] = []

    def advance(self, seconds: float) -> None:
        """Let time pass, everywhere alike."""
        self._monotonic += seconds
        self.set(self.ms + round(seconds * 1000))

    def restart(self) -> None:
        """Be as new, for whoever watches too: the same steps then lead to the same times, to the last digit."""
        self._monotonic = _START_MONOTONIC
        self.set(START_MS)

    def set(self, ms: int) -> None:
        """Move the database's clock alone (a restore, a fail-over to a machine whose clock differs)."""
        self.ms = ms
        for watcher in self._watchers:
            watcher(ms)

    def watch(self, watcher: Callable[[int], None]) -> None:
        """Call `watcher(ms)` now and with each change."""
        self._watchers.append(watcher)
        watcher(self.ms)

    def unwatch(self, watcher: Callable[[int], None]) -> None:
        """Stop calling it."""
        self._watchers.remove(watcher)

    def now_ms(self) -> int:
        return self.ms

    async def until(self, ms: int) -> None:
        if ms > self.ms:
            self.advance((ms - self.ms) / 1000)

    def monotonic(self) -> float:
        return self._monotonic

    def follow(self, database_ms: int, asked_at: float, answered_at: float) -> None:
        """Nothing to take over: this clock is the database's."""

    def wall_clock_error(self) -> float:
        return self.wall_error
