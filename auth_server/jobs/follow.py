"""Keeps what this process carries in memory true: the directory, the clock, the shared secrets."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import ClassVar

from auth_server.jobs.contract import Job
from auth_server.store.freshness import POLL_SECONDS, Freshness
from auth_server.store.store import Store
from auth_server.tokens.standing import Standing


class FollowDirectory(Job):
    """Twice a second: a client that was disabled anywhere is refused here within a second."""

    name: ClassVar[str] = "follow_directory"
    interval = POLL_SECONDS
    spread = POLL_SECONDS / 5

    def __init__(self, freshness: Freshness) -> None:
        self._freshness = freshness

    async def run(self) -> None:
        """Ask for the directory's version."""
        await self._freshness.poll()


class FollowRevocations(Job):
    """Twice a second: what was revoked elsewhere and concerns tokens that are minted from memory."""

    name: ClassVar[str] = "follow_revocations"
    interval = POLL_SECONDS
    spread = POLL_SECONDS / 5

    def __init__(self, standing: Standing) -> None:
        self._standing = standing

    async def run(self) -> None:
        """Read the entries that are new."""
        await self._standing.poll()


class FollowClock(Job):
    """Every ten seconds: the monotonic clocks of two machines drift apart by microseconds in that time."""

    name: ClassVar[str] = "follow_clock"
    interval = 10.0
    spread = 3.0

    def __init__(self, store: Store) -> None:
        self._store = store

    async def run(self) -> None:
        """Read the database's clock; on a thread, for the reading must not wait for the loop."""
        await asyncio.to_thread(self._store.synchronise_clock)


class FollowSecrets(Job):
    """Every half minute: a key encryption key that was put right, or a secret another replica rotated, is taken up."""

    name: ClassVar[str] = "follow_secrets"
    interval = 30.0
    spread = 10.0

    def __init__(self, load_secrets: Callable[[], Awaitable[None]]) -> None:
        self._load_secrets = load_secrets

    async def run(self) -> None:
        """Unseal the shared secrets again."""
        await self._load_secrets()
