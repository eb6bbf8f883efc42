"""The whole of it, and what the oracle remembers: which tokens were handed out, under which keys, and which keys were burned when."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any, Final, TypeVar

from auth_server.keys.lifecycle import RotationPolicy
from auth_server.protocol.errors import KeyUnavailable
from resource_server.jwks.cache import KeyCache
from shared.key_policy import KeyPolicy
from tests.properties.key_world.replica import IssuerReplica, Parts
from tests.properties.key_world.resource_server import ResourceServer
from tests.support.databases import Database
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


@dataclass(frozen=True, slots=True)
class Token:
    """An access token that was handed out."""

    compact: str
    kid: str
    issued_at: int

    def is_acceptable_at(self, clock: int, leeway: float) -> bool:
        """Say whether a resource server with this clock has to take it, as far as its times go."""
        return clock < self.issued_at + TIMINGS.access_token_lifetime + leeway


@dataclass
class World:
    """One issuer and its resource servers.

    Attributes:
        hurried: keys that were put to work before they were N old; there are never more than `emergencies`.
        burned: when each burned key was burned (database milliseconds); `condemned` are those somebody asked to burn.
        hurries: how often an operator rotated out of turn.
    """

    database: Database
    policy: RotationPolicy = POLICY
    parts: Parts = field(default_factory=Parts)
    cache: type[KeyCache] = KeyCache
    hurried: set[str] = field(default_factory=set)
    burned: dict[str, int] = field(default_factory=dict)
    condemned: set[str] = field(default_factory=set)
    emergencies: int = 0
    hurries: int = 0

    def __post_init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.clock = self.database.clock
        self.store = self.database.store()
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
        return IssuerReplica(
            self.store, self.clock, policy=policy or self.policy, keks=keks or tuple(self.keks), parts=self.parts
        )

    def restart(self, which: int, policy: RotationPolicy | None = None, keks: tuple[bytes, ...] | None = None) -> IssuerReplica:
        """Kill a process and start it again."""
        self.wait(self.replicas[which].end())
        self.replicas[which] = self.new_replica(policy, keks)
        return self.replicas[which]

    def do(self, which: int, work: Coroutine[Any, Any, T]) -> T | None:
        """Let a replica do something, unless it is stopped; None when it could not."""
        if self.replicas[which].paused is not None:
            work.close()
            return None
        done: T | None = self.wait(self.replicas[which].attempt(work))
        return done

    def sign(self, which: int, issued_at: int) -> Token | None:
        """Let a replica sign with an `iat` that it read before; None when it refuses."""
        replica = self.replicas[which]
        if replica.paused is not None:
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
        if replica.paused is not None:
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

    def end(self) -> None:
        """Let go of everything."""
        for replica in self.replicas:
            self.wait(replica.end())
        self.database.close()
        self.wait(self.loop.shutdown_default_executor())
        self.loop.close()
