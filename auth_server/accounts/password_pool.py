"""Where passwords are hashed: a few threads of its own, behind the event loop in every queue.

A hash takes 20 ms and 19 MiB. In the event loop it would stall every other request; in a shared pool of forty threads it would take
900 MiB. The threads are niced, so that tokens and keys are served first; the waiting line is half a second long; and who finds it full
is told so after a pause: a refusal at once lets one client that retries at once starve the hashing of everybody.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Final, TypeVar

from auth_server.protocol.errors import ApiError

T = TypeVar("T")

_NICENESS: Final = 10
_MOST_WAITING: Final = 64
_FIRST_ESTIMATE_SECONDS: Final = 0.02
_RETRY_AFTER: Final = 1


class PasswordPool:
    """A small, niced pool of threads with a bounded waiting line.

    Args:
        threads: None for the cores left beside the event loop, at least 1. Memory is bounded by threads x 19 MiB.
        line_seconds: how much work may wait.
        pause_seconds: how long a refusal is held back.
        sleep: what waits (tests have no time).
    """

    def __init__(
        self,
        *,
        threads: int | None = None,
        line_seconds: float = 0.5,
        pause_seconds: float = 0.5,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._threads = threads or max(1, _cores() - 1)
        self._line_seconds = line_seconds
        self._pause_seconds = pause_seconds
        self._sleep = sleep
        self._executor = ThreadPoolExecutor(self._threads, thread_name_prefix="password", initializer=_be_nice)
        self._taken = 0
        self._seconds = _FIRST_ESTIMATE_SECONDS

    @property
    def capacity(self) -> int:
        """How many pieces of work may be under way or wait, by how long they took lately."""
        waiting = int(self._line_seconds * self._threads / self._seconds)
        return self._threads + min(max(waiting, self._threads), _MOST_WAITING)

    async def run(self, work: Callable[[], T]) -> T:
        """Run `work` on a thread of the pool.

        Raises:
            ApiError: 503 `overloaded`, after a pause: the waiting line is full.
        """
        if self._taken >= self.capacity:
            await self._sleep(self._pause_seconds)
            raise ApiError(503, "overloaded", "Too many people are signing in at the moment.", retry_after=_RETRY_AFTER)
        self._taken += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, self._timed, work)
        finally:
            self._taken -= 1

    def close(self) -> None:
        """Finish what is under way; what waits is dropped."""
        self._executor.shutdown(cancel_futures=True)

    def _timed(self, work: Callable[[], T]) -> T:
        started = time.monotonic()
        try:
            return work()
        finally:
            # Unlocked: of two threads that finish together one measurement is lost, which no bound depends on.
            self._seconds = max(0.9 * self._seconds + 0.1 * (time.monotonic() - started), 1e-4)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def _be_nice() -> None:
    # On Linux a niceness belongs to a thread; elsewhere it would be the whole process's. A sandbox may forbid it: then all are equal.
    if sys.platform == "linux":
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
