"""One process of the issuer: the real rotation, burning, keyring and custodians, over a store that a gate stands before."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, Final

from auth_server.clock import DatabaseClock
from auth_server.keys.burning import Burning, BurnRefused
from auth_server.keys.custodians.registry import all_custodians
from auth_server.keys.keyring import Keyring
from auth_server.keys.lifecycle import RotationPolicy
from auth_server.keys.rewrap import Rewrap
from auth_server.keys.rotation import Rotation, RotationRefused
from auth_server.keys.sealing import KeyEncryptionKeys
from auth_server.protocol.errors import KeyUnavailable, StoreUnavailable
from auth_server.store.store import Store
from shared.jose import ED25519
from tests.properties.key_world.gate import Gate, GatedStore
from tests.support.clock import FakeClock
from tests.support.keys import ISSUER

AUDIENCE: Final = "https://api.example"
# What a replica may be unable to do for a while, and goes on after.
SETBACKS: Final = (KeyUnavailable, StoreUnavailable, RotationRefused, BurnRefused)


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


class IssuerReplica:
    """One process. `paused` is what it was doing when it was stopped."""

    def __init__(self, store: Store, world: FakeClock, *, policy: RotationPolicy, keks: tuple[bytes, ...], parts: Parts) -> None:
        self.clock = ReplicaClock(world)
        self.gate = Gate()
        self._world = world
        self.policy, self.keks = policy, keks
        self.paused: asyncio.Task[Any] | None = None
        gated: Any = GatedStore(store, self.gate)
        keys = KeyEncryptionKeys(keks)
        custodians = all_custodians(issuer=ISSUER, key_encryption_keys=keys)
        self.rotation = parts.rotation(store=gated, custodians=custodians, policy=policy, alg=ED25519)
        self.keyring = parts.keyring(store=gated, clock=self.clock, custodians=custodians, policy=policy, spare_core=False)
        self.burning = Burning(store=gated, custodians=custodians, policy=policy, sleep=self._wait)
        self.rewrap = Rewrap(store=gated, key_encryption_keys=keys, custodians=custodians)

    async def tick(self) -> None:
        """Do what the job does every few seconds."""
        try:
            await self.rotation.tick()
        finally:
            await self.keyring.refresh()

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

    async def pause_within(self, work: Coroutine[Any, Any, Any], passes: int) -> None:
        """Begin something and stop before the database is asked or answered for the `passes`-th time."""
        self.gate.stop_after(passes)
        task = asyncio.ensure_future(self.attempt(work))
        stopped = asyncio.ensure_future(self.gate.stopped.wait())
        await asyncio.wait({task, stopped}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if task.done():
            self.gate.open()
            task.result()
        else:
            self.paused = task

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
        self.keyring.close()
