"""One process of the issuer: the real rotation, burning, restoring, keyring and custodians, over a store that a gate stands before."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final

from auth_server.clock import DatabaseClock
from auth_server.keys.burning import Burning, BurnRefused
from auth_server.keys.custodians.registry import all_custodians
from auth_server.keys.journal import PublishedJournal
from auth_server.keys.keyring import Keyring
from auth_server.keys.lifecycle import RotationPolicy
from auth_server.keys.restore import Restore, Restored, RestoreRefused
from auth_server.keys.rewrap import Rewrap
from auth_server.keys.rollback import RollbackWatch
from auth_server.keys.rotation import Rotation, RotationRefused
from auth_server.keys.sealing import KeyEncryptionKeys
from auth_server.protocol.errors import KeyUnavailable, StoreUnavailable
from shared.jose import ED25519
from tests.properties.key_world.databases import KeyDatabase
from tests.properties.key_world.gate import Gate, GatedStore
from tests.support.clock import FakeClock
from tests.support.keys import ISSUER

AUDIENCE: Final = "https://api.example"
# What a replica may be unable to do for a while, and goes on after.
SETBACKS: Final = (KeyUnavailable, StoreUnavailable, RotationRefused, BurnRefused, RestoreRefused)


class ReplicaClock(DatabaseClock):
    """A process's idea of the database's time, which may be wrong by up to ε, and its wall clock, which may be wrong by anything."""

    def __init__(self, world: FakeClock) -> None:
        super().__init__()
        self.error = 0.0
        self.wall_error = 0.0
        self._world = world

    def now_ms(self) -> int:
        return self._world.ms + round(self.error * 1000)

    def monotonic(self) -> float:
        return self._world.monotonic()

    def follow(self, database_ms: int, asked_at: float, answered_at: float) -> None:
        """What it believes is said by `error`."""

    def wall_clock_error(self) -> float:
        return self.wall_error


@dataclass(frozen=True, slots=True)
class Parts:
    """The classes a replica is made of; a control puts one there that lacks a guard."""

    rotation: type[Rotation] = Rotation
    keyring: type[Keyring] = Keyring
    restore: type[Restore] = Restore


class IssuerReplica:
    """One process.

    Attributes:
        paused: what it was doing when it was stopped, and whether it may change keys. ended: it was killed.
        viewed: the number of restores there were when it began to read the view that it has.
    """

    def __init__(self, home: KeyDatabase, *, policy: RotationPolicy, keks: tuple[bytes, ...], parts: Parts) -> None:
        self.clock = ReplicaClock(home.clock)
        self.gate = Gate()
        self.policy, self.keks = policy, keks
        self.paused: asyncio.Task[Any] | None = None
        self.is_changing = False
        self.ended = False
        self.viewed = 0
        self._world = home.clock
        gated: Any = GatedStore(home.store, self.gate, home.touched)
        keys = KeyEncryptionKeys(keks)
        watch = RollbackWatch(gated, PublishedJournal(home.journal))
        custodians = all_custodians(issuer=ISSUER, key_encryption_keys=keys)
        kept: dict[str, Any] = {"store": gated, "custodians": custodians, "policy": policy, "watch": watch}
        self.rotation = parts.rotation(**kept, alg=ED25519)
        self.keyring = parts.keyring(**kept, clock=self.clock, spare_core=False)
        self.burning = Burning(**kept, sleep=self._wait)
        self.restore = parts.restore(**kept)
        self.rewrap = Rewrap(store=gated, key_encryption_keys=keys, custodians=custodians)

    @property
    def is_up(self) -> bool:
        """Whether it does anything when it is asked to."""
        return self.paused is None and not self.ended

    async def tick(self, restores: int = 0) -> None:
        """Do what the job does every few seconds."""
        try:
            await self.rotation.tick()
        finally:
            await self.refresh(restores)

    async def refresh(self, restores: int = 0) -> None:
        """Read the view; `restores` is how many there were until now."""
        await self.keyring.refresh()
        self.viewed = restores

    async def finish_restore(self, restores: int, finished: Callable[[Restored], None]) -> Restored:
        """Do what the operator's command does; `finished` is called when the restore is."""
        restored = await self.restore.finish()
        finished(restored)
        await self.tick(restores)
        return restored

    async def _wait(self, seconds: float) -> None:
        self._world.advance(seconds)

    async def sign(self, issued_at: int, number: int) -> str:
        """Sign an access token whose `iat` was read before.

        Raises:
            KeyUnavailable: it may not sign.
        """
        claims = {
            "iss": ISSUER,
            "sub": "alice",
            "aud": AUDIENCE,
            "client_id": "app",
            "jti": str(number),
            "iat": issued_at,
            "exp": issued_at + int(self.policy.timings.access_token_lifetime),
        }
        return await self.keyring.sign(claims, "at+jwt", ED25519)

    async def attempt(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Do something that may fail for good reasons, and then changes nothing; None when it does."""
        try:
            return await work
        except SETBACKS:
            return None

    async def pause_within(self, work: Coroutine[Any, Any, Any], passes: int, *, is_changing: bool = True) -> Any:
        """Begin something and stop before the database is asked or answered for the `passes`-th time; its answer if it came so far."""
        self.gate.stop_after(passes)
        task = asyncio.ensure_future(self.attempt(work))
        stopped = asyncio.ensure_future(self.gate.stopped.wait())
        await asyncio.wait({task, stopped}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if task.done():
            self.gate.open()
            return task.result()
        self.paused, self.is_changing = task, is_changing
        return None

    async def resume(self) -> None:
        """Go on where it was stopped."""
        self.gate.open()
        if self.paused is not None:
            await self.paused
            self.paused = None

    async def end(self) -> None:
        """Be killed, wherever it is."""
        if self.paused is not None:
            # Not even a `finally` gets as far as the database.
            self.gate.kill_after(0)
            self.paused.cancel()
            await asyncio.gather(self.paused, return_exceptions=True)
            self.paused = None
        self.ended = True
        self.keyring.close()
