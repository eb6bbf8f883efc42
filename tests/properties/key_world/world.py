"""The whole of it, and what the oracle remembers: which tokens were handed out, under which keys, and which keys were burned when."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any, Final, TypeVar

from auth_server.keys.journal import Journaled, PublishedJournal
from auth_server.keys.lifecycle import RotationPolicy
from auth_server.keys.restore import Restored
from auth_server.protocol.errors import KeyUnavailable
from auth_server.store.signing_keys import KeyState
from resource_server.jwks.cache import KeyCache
from shared.key_policy import KeyPolicy
from tests.properties.key_world.databases import Contents, KeyDatabase
from tests.properties.key_world.replica import IssuerReplica, Parts
from tests.properties.key_world.resource_server import ResourceServer
from tests.support.keys import header_of

T = TypeVar("T")

REPLICAS: Final = 3
SERVERS: Final = 2
# N is a millisecond over W_pub + M, V exactly W_sign + A + L + 2 ε.
TIMINGS: Final = KeyPolicy(
    access_token_lifetime=60,
    clock_error=5,
    leeway=10,
    jwks_max_age=30,
    publish_ahead=60.001,
    retire_after=100,
    sign_lease=20,
    view_lease=30,
)
POLICY: Final = RotationPolicy(TIMINGS, rotation_period=100)
# What the next release might be configured with: replicas of both run side by side while it is rolled out.
NEXT_POLICY: Final = RotationPolicy(replace(TIMINGS, publish_ahead=70, retire_after=130), rotation_period=130)
# M of the resource servers is then 30 s, what the issuer's `jwks_max_age` promises.
REFRESH: Final = 24.0
MAX_STALE: Final = 120.0
# A token of each key in several places of its lease is enough; each one is verified after every rule.
_TOKENS_PER_KEY: Final = 3
_BACKUPS: Final = 3


@dataclass(frozen=True, slots=True)
class Token:
    """An access token that was handed out."""

    compact: str
    kid: str
    issued_at: int

    def is_acceptable_at(self, clock: int, leeway: float) -> bool:
        """Say whether a resource server with this clock has to take it, as far as its times go."""
        return clock < self.issued_at + TIMINGS.access_token_lifetime + leeway


@dataclass(frozen=True, slots=True)
class Backup:
    """What a backup holds, and the key encryption keys that were in use when it was made."""

    contents: Contents
    keks: tuple[bytes, ...]


class _InLine(ThreadPoolExecutor):
    """Does at once, on the thread that asks, what would be handed to another: each hop costs more than all of the work."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        done: Future[Any] = Future()
        try:
            done.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - whoever waits for the outcome raises it
            done.set_exception(error)
        return done


@dataclass
class World:
    """One issuer and its resource servers.

    Attributes:
        hurried: keys that were put to work before they were N old; there are never more than `emergencies`.
        patient: keys that a restore put to work, and that sign later.
        burned: when each burned key was burned (database milliseconds); `condemned` are those somebody asked to burn, and
            `dead` those of which he was told that they are.
        hurries: how often an operator rotated out of turn.
        restores: how often a backup was put back, `restored_at` when last (database milliseconds). Until that is finished the
            database `is_restored`; it `is_older` when what was published since shows that it lost something.
    """

    home: KeyDatabase
    policy: RotationPolicy = POLICY
    parts: Parts = field(default_factory=Parts)
    cache: type[KeyCache] = KeyCache
    hurried: set[str] = field(default_factory=set)
    burned: dict[str, int] = field(default_factory=dict)
    condemned: set[str] = field(default_factory=set)
    dead: set[str] = field(default_factory=set)
    patient: set[str] = field(default_factory=set)
    backups: list[Backup] = field(default_factory=list)
    emergencies: int = 0
    hurries: int = 0
    restores: int = 0
    restored_at: int = 0
    is_restored: bool = False
    is_older: bool = False

    def __post_init__(self) -> None:
        self.home.begin()
        self.loop = asyncio.new_event_loop()
        self.loop.set_default_executor(_InLine())
        self.clock = self.home.clock
        self.store = self.home.store
        self.keks = [bytes([1]) * 32]
        self.numbers = count(1)
        self.replicas = [self.new_replica() for _ in range(REPLICAS)]
        leeway = int(self.policy.timings.leeway)
        self.servers = [
            ResourceServer(
                self.clock, leeway=leeway, refresh=REFRESH, max_stale=MAX_STALE, jitter=number / SERVERS, cache=self.cache
            )
            for number in range(SERVERS)
        ]
        self.tokens: list[Token] = []
        self.wait(self.replicas[0].rotation.initialise())
        for replica in self.replicas:
            self.wait(replica.keyring.refresh())
        active = self.store.read_blocking(lambda tx: tx.signing_keys.views())[0].active
        assert active is not None
        self.first = active.kid

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        """Let the loop run until this is done."""
        return self.loop.run_until_complete(work)

    def new_replica(self, policy: RotationPolicy | None = None, keks: tuple[bytes, ...] | None = None) -> IssuerReplica:
        """Start one more process."""
        return IssuerReplica(self.home, policy=policy or self.policy, keks=keks or tuple(self.keks), parts=self.parts)

    def restart(self, which: int, policy: RotationPolicy | None = None, keks: tuple[bytes, ...] | None = None) -> IssuerReplica:
        """Kill a process and start it again."""
        self.wait(self.replicas[which].end())
        self.replicas[which] = self.new_replica(policy, keks)
        return self.replicas[which]

    def do(self, which: int, work: Coroutine[Any, Any, T]) -> T | None:
        """Let a replica do something, unless it is stopped; None when it could not."""
        if not self.replicas[which].is_up:
            work.close()
            return None
        done: T | None = self.wait(self.replicas[which].attempt(work))
        return done

    def sign(self, which: int, issued_at: int) -> Token | None:
        """Let a replica sign with an `iat` that it read before; None when it refuses."""
        replica = self.replicas[which]
        if not replica.is_up:
            return None
        try:
            compact = self.wait(replica.sign(issued_at, next(self.numbers)))
        except KeyUnavailable:
            return None
        token = Token(compact, header_of(compact)["kid"], issued_at)
        kept = [other for other in self.tokens if other.kid == token.kid]
        if len(kept) >= _TOKENS_PER_KEY:
            self.tokens.remove(kept[1])
        self.tokens.append(token)
        return token

    def answer(self, which: int) -> bytes:
        """Return the key set as a replica serves it.

        Raises:
            KeyUnavailable: 503, or nobody there.
        """
        replica = self.replicas[which]
        if not replica.is_up:
            raise KeyUnavailable("no answer")
        return replica.keyring.jwks()[0]

    def fetch(self, server: int, which: int) -> None:
        """Let a resource server ask a replica for the keys."""
        resource_server = self.servers[server]
        if not resource_server.cache.in_flight:
            resource_server.depart()
            resource_server.land(lambda: self.answer(which))

    def advance(self, seconds: float) -> None:
        """Let time pass, and forget the tokens that no clock within ε takes any more."""
        self.clock.advance(seconds)
        slowest = self.clock.ms // 1000 - int(TIMINGS.clock_error) - 1
        self.tokens = [token for token in self.tokens if token.is_acceptable_at(slowest, TIMINGS.leeway)]

    def back_up(self) -> None:
        """Make a backup; a few are kept."""
        self.backups = [*self.backups, Backup(self.home.contents(), tuple(self.keks))][-_BACKUPS:]

    def restore(self, number: int, *, stops: bool) -> None:
        """Put a backup back: with all processes stopped, or unnoticed, as a failover does that loses commits.

        A change that was under way then is gone with them: nothing but the database itself could tell that it is not the same.
        """
        backup = self.backups[number % len(self.backups)]
        keks = [*self.keks, *(kek for kek in backup.keks if kek not in self.keks)]
        stops = stops or keks != self.keks
        for replica in self.replicas:
            if stops or (replica.paused is not None and replica.is_changing):
                self.wait(replica.end())
        # More than the epochs run ahead of the time: nobody restores within a millisecond.
        self.advance(1)
        self.home.put_back(backup.contents)
        self.restores += 1
        self.restored_at = self.clock.ms
        self.is_restored, self.is_older = True, self._lacks_what_was_published()
        # A burn that nobody was told of, and that no key set told either, was not acknowledged: it did not happen.
        known = self.dead | self._last_published().revoked
        self.burned = {kid: at for kid, at in self.burned.items() if kid in known}
        self.keks = keks
        if stops:
            self.replicas = [self.new_replica() for _ in self.replicas]

    def finish_restore(self, which: int) -> Restored | None:
        """Let an operator finish it; None when it could not be done."""
        restored: Restored | None = self.do(which, self.replicas[which].finish_restore(self.restores, self.finished))
        return restored

    def finished(self, restored: Restored) -> None:
        """Note what a restore that is finished did."""
        self.is_restored = self.is_older = False
        self.hurries += 1
        self.emergencies += bool(restored.burned_again)
        if restored.wait_seconds:
            self.patient |= {ring.active_kid for ring in restored.rings if ring.active_kid is not None}

    def _last_published(self) -> Journaled:
        last = PublishedJournal(self.home.journal).last()
        assert last is not None
        return last

    def _lacks_what_was_published(self) -> bool:
        last = self._last_published()
        ring = self.store.read_blocking(lambda tx: tx.signing_keys.views())[0]
        alive = {key.kid for key in ring.keys if key.state is not KeyState.COMPROMISED}
        return ring.epoch < last.epoch or bool(alive & last.revoked)

    def end(self) -> None:
        """Let go of everything but the database."""
        for replica in self.replicas:
            self.wait(replica.end())
        self.wait(self.loop.shutdown_default_executor())
        self.loop.close()
