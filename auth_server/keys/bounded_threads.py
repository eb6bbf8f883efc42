"""Threads for calls that wait for another machine or a device: a few, with a time limit, and no endless queue.

A call that hangs cannot be stopped, so it keeps its thread. The caller is let go in time all the same, what was not begun by then is
never begun, and once every thread hangs the next call is refused at once instead of waiting in vain.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

from auth_server.protocol.errors import KeyUnavailable

_P = ParamSpec("_P")
_T = TypeVar("_T")


class BoundedThreads:
    """Runs calls on threads of its own, which are started when they are needed.

    Args:
        name: of the threads, and in the refusals.
        threads: how many calls are under way at once.
        waiting: how many more may wait for a thread.
        seconds: how long a caller waits, for a thread and for the answer together.
    """

    def __init__(self, name: str, *, threads: int, waiting: int, seconds: float) -> None:
        self.seconds = seconds
        self._name = name
        self._threads = threads
        self._places = threads + waiting
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._lock = threading.Lock()
        self._taken = 0
        self._hanging: set[Future[Any]] = set()

    async def run(self, function: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Await a call, from the event loop.

        Raises:
            KeyUnavailable: no place, or no answer in time.
        """
        future = self.submit(function, *args, **kwargs)
        try:
            async with asyncio.timeout(self.seconds):
                return await asyncio.wrap_future(future)
        except TimeoutError as error:
            self.let_go(future)
            raise self._late() from error
        finally:
            # Whoever asked may be gone; what was not begun by then need not be.
            future.cancel()

    def run_blocking(self, function: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Wait for a call, from any other thread.

        Raises:
            KeyUnavailable: no place, or no answer in time.
        """
        future = self.submit(function, *args, **kwargs)
        try:
            return self.wait(future)
        except KeyUnavailable:
            self.let_go(future)
            raise

    def submit(self, function: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]:
        """Begin a call, for whoever waits in a way of his own.

        Raises:
            KeyUnavailable: too many wait already, all threads hang, or this was closed.
        """
        with self._lock:
            if len(self._hanging) >= self._threads:
                raise KeyUnavailable(f"the {self._name} hangs")
            if self._taken >= self._places:
                raise KeyUnavailable(f"too many calls wait for the {self._name}")
            self._taken += 1
        try:
            future = self._pool.submit(function, *args, **kwargs)
        except RuntimeError as error:
            with self._lock:
                self._taken -= 1
            raise KeyUnavailable(f"the {self._name} was closed") from error
        future.add_done_callback(self._leave)
        return future

    def wait(self, future: Future[_T]) -> _T:
        """Wait for a call that was begun; it goes on when the time is over.

        Raises:
            KeyUnavailable: no answer in time.
        """
        try:
            return future.result(self.seconds)
        except (TimeoutError, CancelledError) as error:
            raise self._late() from error

    def let_go(self, future: Future[Any]) -> None:
        """Give a call up: it is not begun any more, or hangs until its function returns."""
        if future.cancel():
            return
        with self._lock:
            if not future.done():
                self._hanging.add(future)

    def close(self) -> None:
        """Begin nothing more; what hangs is not waited for."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _leave(self, future: Future[Any]) -> None:
        with self._lock:
            self._taken -= 1
            self._hanging.discard(future)

    def _late(self) -> KeyUnavailable:
        return KeyUnavailable(f"the {self._name} did not answer within {self.seconds:g} s")
