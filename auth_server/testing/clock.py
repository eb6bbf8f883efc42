"""A clock that a test may put off, shared by this process and its database."""

from __future__ import annotations

import time
from typing import Any

from auth_server.clock import DatabaseClock

SQL_NOW = "skewed_now_ms()"


class SkewedClock(DatabaseClock):
    """This machine's wall clock, plus `skew_seconds`."""

    def __init__(self) -> None:
        super().__init__()
        self.skew_seconds = 0.0

    def now_ms(self) -> int:
        """Return milliseconds since the epoch, as this issuer believes."""
        return int((time.time() + self.skew_seconds) * 1000)

    def follow(self, database_ms: int, asked_at: float, answered_at: float) -> None:
        """Nothing to take over: the database asks this clock."""

    def wall_clock_error(self) -> float:
        """Return 0: it is off because a test wants it so."""
        return 0.0

    def define(self, connection: Any) -> None:
        """Let a new connection's statements ask this clock."""
        connection.create_function("skewed_now_ms", 0, self.now_ms)
