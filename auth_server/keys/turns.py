"""How much is signed in one turn of the event loop.

A signature holds the loop for a quarter of a millisecond. Thirty in a row would make a request that needs none wait for all of them,
so a turn has room for four; what does not fit is signed in a later turn, in the order of arrival, and others are served in between.

Those of a turn are signed one behind the other, and their answers are made and written together: whoever waits for them is woken once
for several, and code that runs several times in a row is run from the processor's caches.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

IN_LINE: Final = 4
# In the first, answers of what was just signed are made, and whoever came meanwhile is heard; what they write goes out in the second.
_ANSWER_TURNS: Final = 2


class Turns:
    """Counts what was let into this turn of the loop. For one event loop, and not thread-safe."""

    def __init__(self) -> None:
        self._taken = 0
        self._ends = False
        self._waiting: deque[tuple[Callable[[], str], asyncio.Future[str]]] = deque()

    def take(self) -> bool:
        """Take a place in this turn; False when it is full, or others wait for one already."""
        if self._waiting or self._taken >= IN_LINE:
            return False
        self._taken += 1
        self._see_to_its_end()
        return True

    async def later(self, work: Callable[[], str]) -> str:
        """Return what `work` returns in a later turn; whoever is cancelled meanwhile takes no place, and nothing is done for it.

        Raises:
            Exception: what `work` raises.
        """
        done: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._waiting.append((work, done))
        self._see_to_its_end()
        return await done

    def _see_to_its_end(self) -> None:
        if not self._ends:
            self._ends = True
            asyncio.get_running_loop().call_soon(self._end)

    def _end(self) -> None:
        self._taken, self._ends = 0, False
        while self._waiting and self._taken < IN_LINE:
            work, done = self._waiting.popleft()
            if not done.done():  # who waited for it may be gone
                self._taken += 1
                _do(work, done)
        if self._taken:
            self._ends = True
            asyncio.get_running_loop().call_soon(self._rest, _ANSWER_TURNS)

    def _rest(self, turns: int) -> None:
        if turns:
            asyncio.get_running_loop().call_soon(self._rest, turns - 1)
        else:
            self._end()


def _do(work: Callable[[], str], done: asyncio.Future[str]) -> None:
    try:
        done.set_result(work())
    except Exception as error:  # noqa: BLE001 - whoever waits for it is told
        done.set_exception(error)
