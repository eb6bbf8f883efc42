"""How much is signed in one turn of the event loop.

A signature holds the loop for a quarter of a millisecond. Thirty in a row would make a request that needs none wait for all of them,
so a turn has room for three; what does not fit waits for the next turn, in the order of arrival, and others are served in between.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

IN_LINE: Final = 3


class Turns:
    """Counts what was let into this turn of the loop. For one event loop, and not thread-safe."""

    def __init__(self) -> None:
        self._taken = 0
        self._ends = False
        self._waiting: deque[asyncio.Future[None]] = deque()

    def take(self) -> bool:
        """Take a place in this turn; False when it is full, or others wait for one already."""
        if self._waiting or self._taken >= IN_LINE:
            return False
        self._taken += 1
        self._see_to_its_end()
        return True

    async def wait(self) -> None:
        """Return in a later turn, in which a place is taken."""
        place = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        self._see_to_its_end()
        await place

    def _see_to_its_end(self) -> None:
        if not self._ends:
            self._ends = True
            asyncio.get_running_loop().call_soon(self._end)

    def _end(self) -> None:
        self._taken, self._ends = 0, False
        while self._waiting and self._taken < IN_LINE:
            place = self._waiting.popleft()
            if not place.done():  # who waited for it may be gone
                place.set_result(None)
                self._taken += 1
        if self._taken:
            self._see_to_its_end()
