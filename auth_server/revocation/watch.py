"""Knows how far the feed has come, and wakes who waits for more.

One task of a process looks at the head row while anybody waits, and none while nobody does: a reader more costs a future, not a query.
A commit of this process is noticed at once, one of another replica within `POLL_SECONDS`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Final, NamedTuple

from auth_server.protocol.errors import InternalError
from auth_server.store.store import Store

_LOG: Final = logging.getLogger(__name__)

POLL_SECONDS: Final = 0.05


class FeedState(NamedTuple):
    """How far the feed has come: the newest number, and the epoch of the key ring."""

    head: int
    key_epoch: int


class FeedWatch:
    """The feed's state, as this process knows it.

    Args:
        key_epoch: the epoch of the published keys; raises KeyUnavailable when nothing may be published now.
        refresh_keys: takes up what happened to the keys. Called before a `kid` entry is announced: a page that names a burned key must
            not be signed with it.
        is_stopping: says that the process should end; whoever waits is then answered at once.
        capacity: how many may wait at once; who comes when it is full is answered without waiting.
    """

    def __init__(
        self,
        store: Store,
        *,
        key_epoch: Callable[[], int],
        refresh_keys: Callable[[], Awaitable[None]],
        is_stopping: Callable[[], bool],
        capacity: int,
    ) -> None:
        self._store = store
        self._key_epoch = key_epoch
        self._refresh_keys = refresh_keys
        self._is_stopping = is_stopping
        self._capacity = capacity
        self._state: FeedState | None = None
        self._looked_at = float("-inf")
        self._news: asyncio.Future[None] | None = None
        self._nudge: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._looking: asyncio.Task[FeedState] | None = None
        self.waiting = 0
        store.on_revocation(self._committed)

    async def state(self) -> FeedState:
        """Return the state; at most `POLL_SECONDS` old, or as new as this process's own last commit.

        Raises:
            StoreUnavailable: the database did not answer.
            KeyUnavailable: nothing may be published now.
        """
        loop = asyncio.get_running_loop()
        if self._state is not None and loop.time() - self._looked_at < POLL_SECONDS:
            return self._state._replace(key_epoch=self._key_epoch())
        # Many may ask in the same moment; the database is asked once.
        if self._looking is None or self._looking.done() or self._looking.get_loop() is not loop:
            self._looking = loop.create_task(self._look())
        return await asyncio.shield(self._looking)

    async def wait(self, known: FeedState, seconds: float, gone: Callable[[], Coroutine[None, None, None]]) -> FeedState:
        """Return the first state that is not `known`, or after `seconds` whichever there is then.

        Args:
            gone: returns when the reader does not wait any more.
        """
        if self.waiting >= self._capacity or self._is_stopping() or (self._state is not None and self._state != known):
            return self._state or known
        self.waiting += 1
        left = asyncio.create_task(gone())
        try:
            await asyncio.wait({self._follow(), left}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.waiting -= 1
            left.cancel()
        return self._state or known

    def _follow(self) -> asyncio.Future[None]:
        """Return the future of the next news; start the task that looks for them."""
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self._loop, self._nudge, self._task, self._news = loop, asyncio.Event(), None, None
        if self._news is None or self._news.done():
            self._news = loop.create_future()
        if self._task is None or self._task.done():
            self._task = loop.create_task(self._watch(), name="revocation-feed")
        return self._news

    async def _watch(self) -> None:
        failing = False
        assert self._nudge is not None  # made by `_follow`
        while self.waiting and not self._is_stopping():
            try:
                await self._look()
                failing = False
            except InternalError as error:
                if not failing:
                    _LOG.error("the revocation feed stands still", extra={"fields": {"error": str(error)}})
                failing = True
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(POLL_SECONDS):
                    await self._nudge.wait()
            self._nudge.clear()
        self._announce()

    async def _look(self) -> FeedState:
        before, asked_at = self._state, asyncio.get_running_loop().time()
        head = await self._store.read(lambda tx: tx.revocations.head())
        seen = 0 if before is None else before.head
        if head != seen and await self._store.read(lambda tx: tx.revocations.has_key_since(seen)):
            await self._refresh_keys()
        self._state = FeedState(head, self._key_epoch())
        self._looked_at = asked_at
        if before is not None and self._state != before:
            self._announce()
        return self._state

    def _announce(self) -> None:
        if self._news is not None and not self._news.done():
            self._news.set_result(None)

    def _committed(self, _entries: object) -> None:
        self._looked_at = float("-inf")
        if self._loop is not None and self._nudge is not None:
            # A command's commit may be told on a thread of its own; a loop that was closed has nobody who waits.
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._nudge.set)
