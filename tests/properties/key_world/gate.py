"""Where a replica can be stopped: on both sides of each question to its database."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from auth_server.protocol.errors import StoreUnavailable
from auth_server.store.store import Store
from auth_server.store.transaction import Transaction


class Killed(BaseException):
    """The process is gone. No handler of ours may catch it, as none would catch a signal."""


class Gate:
    """Lets a replica pass, or stops it there for as long as its world likes.

    Attributes:
        is_cut_off: the database cannot be reached.
    """

    def __init__(self) -> None:
        self.is_cut_off = False
        self.stopped = asyncio.Event()
        self._left: int | None = None
        self._kills = False
        self._open = asyncio.Event()

    def stop_after(self, passes: int) -> None:
        """Stop whoever comes after so many have passed."""
        self._left = passes
        self._open.clear()
        self.stopped.clear()

    def kill_after(self, passes: int) -> None:
        """Kill the process instead."""
        self.stop_after(passes)
        self._kills = True

    def open(self) -> None:
        """Let everybody pass from now on."""
        self._left, self._kills = None, False
        self._open.set()

    async def passing(self) -> None:
        """Come by.

        Raises:
            Killed: here the process ends.
            StoreUnavailable: the database cannot be reached.
        """
        if self._left is not None:
            if self._left <= 0:
                if self._kills:
                    raise Killed
                self.stopped.set()
                await self._open.wait()
            else:
                self._left -= 1
        if self.is_cut_off:
            raise StoreUnavailable("the database cannot be reached from here")


class GatedStore:
    """The store as one replica sees it."""

    def __init__(self, store: Store, gate: Gate, touched: Callable[[], None]) -> None:
        self.clock = store.clock
        self._store, self._gate, self._touched = store, gate, touched

    async def run(self, work: Callable[[Transaction], Any]) -> Any:
        async def change() -> Any:
            try:
                return await self._store.run(work)
            finally:
                self._touched()

        return await self._passing(change)

    async def read(self, work: Callable[[Transaction], Any]) -> Any:
        return await self._passing(lambda: self._store.read(work))

    async def _passing(self, ask: Callable[[], Awaitable[Any]]) -> Any:
        await self._gate.passing()
        answer = await ask()
        await self._gate.passing()
        return answer
