"""What time it is: the database's time, carried between readings by the monotonic clock.

All replicas then agree to within a round trip, whatever their wall clocks say; a replica whose wall clock is off neither outlives a
revocation nor mints tokens that are refused. Pure code never sees a clock: it is given `now`.
"""

from __future__ import annotations

import asyncio
import time
from typing import Final, Protocol

# A suspended machine sleeps through the monotonic clock, and would wake up with leases that seem to be young.
_WHILE_SUSPENDED_TOO: Final[int | None] = getattr(time, "CLOCK_BOOTTIME", None)


def running_seconds() -> float:
    """Return seconds on a clock that never steps, and goes on while the machine is suspended where the system has such a one."""
    return time.monotonic() if _WHILE_SUSPENDED_TOO is None else time.clock_gettime(_WHILE_SUSPENDED_TOO)


class Clock(Protocol):
    """Where the time comes from."""

    def now_ms(self) -> int:
        """Return milliseconds since the epoch."""

    def now(self) -> int:
        """Return whole seconds since the epoch, rounded down."""

    async def until(self, ms: int) -> None:
        """Return when it is `ms` (milliseconds since the epoch) or later."""

    def monotonic(self) -> float:
        """Return seconds on a clock that never steps; only differences mean anything."""


class DatabaseClock:
    """The database's clock, extrapolated on the monotonic clock from the last reading.

    Before the first reading it is this machine's wall clock.
    """

    def __init__(self) -> None:
        self._offset_ms = time.time() * 1000 - running_seconds() * 1000

    def now_ms(self) -> int:
        """Return milliseconds since the epoch, database time."""
        return int(running_seconds() * 1000 + self._offset_ms)

    def now(self) -> int:
        """Return whole seconds since the epoch, database time, rounded down."""
        return self.now_ms() // 1000

    def monotonic(self) -> float:
        """Return the monotonic clock, seconds."""
        return running_seconds()

    async def until(self, ms: int) -> None:
        """Return when it is `ms` or later, database time."""
        while (left_ms := ms - self.now_ms()) > 0:  # noqa: ASYNC110 - nothing happens but that time passes
            await asyncio.sleep(left_ms / 1000)

    def follow(self, database_ms: int, asked_at: float, answered_at: float) -> None:
        """Take over a reading of the database's clock.

        Args:
            database_ms: what the database said, milliseconds since the epoch.
            asked_at, answered_at: monotonic seconds around the question; the reading is taken to be of the middle.
        """
        self._offset_ms = database_ms - (asked_at + answered_at) * 500

    def wall_clock_error(self) -> float:
        """Return how many seconds this machine's wall clock is ahead of the database's (negative: behind)."""
        return time.time() - (running_seconds() + self._offset_ms / 1000)
