"""The real rotation code on a real database under the virtual clock, driven by rules: invariants K1 and K3 to K7.

Three replicas tick, refresh, sign and publish whenever Hypothesis says so, or not at all for long; resource servers fetch from
whichever replica they hit. A resource server is healthy while its last successful fetch is at most M old.
"""

from __future__ import annotations

import asyncio
import atexit
import json
import shutil
import tempfile
from collections.abc import Coroutine
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from auth_server.keys.lifecycle import PUBLISHED, RotationPolicy
from auth_server.keys.rotation import RotationRefused
from auth_server.protocol.errors import KeyUnavailable
from auth_server.store.signing_keys import KeyState, SigningKey
from shared.key_policy import KeyPolicy
from tests.support.clock import FakeClock
from tests.support.databases import Database, SqliteTemplate
from tests.support.keys import Replica, header_of

T = TypeVar("T")

# The smallest legal timings of their kind: N is one second over W_pub + M, V exactly W_sign + A + L + 2 x eps.
TIMINGS = KeyPolicy(
    access_token_lifetime=60,
    clock_error=5,
    leeway=10,
    jwks_max_age=30,
    publish_ahead=61,
    retire_after=100,
    sign_lease=20,
    view_lease=30,
)
POLICY = RotationPolicy(TIMINGS, rotation_period=100)
MAX_AGE_SECONDS = 30
REPLICAS = 3
RESOURCE_SERVERS = 2
_SECONDS = st.sampled_from([0.001, 1, 7, 19.999, 20, 20.001, 30, 39, 40, 60.999, 61, 61.001, 100, 100.001, 300])


@cache
def template() -> SqliteTemplate:
    folder = Path(tempfile.mkdtemp(prefix="key-rotation-"))
    atexit.register(shutil.rmtree, folder)
    return SqliteTemplate(folder)


@dataclass
class ResourceServer:
    """What one resource server holds: the rules of its cache in four lines."""

    kids: frozenset[str] = frozenset()
    epoch: int = -1
    fetched_at: int | None = None
    epochs: list[int] = field(default_factory=list)

    def adopt(self, body: bytes, now_ms: int) -> None:
        document = json.loads(body)
        self.fetched_at = now_ms
        if document["epoch"] >= self.epoch:
            self.kids = frozenset(key["kid"] for key in document["keys"])
            self.epoch = document["epoch"]
            self.epochs.append(self.epoch)


@dataclass(frozen=True)
class Token:
    """An access token that was handed out."""

    kid: str
    last_accepted_ms: int


class KeyRotation(RuleBasedStateMachine):
    """One issuer of three replicas, and its resource servers."""

    @initialize()
    def begin(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.folder = Path(tempfile.mkdtemp(prefix="key-rotation-"))
        self.clock = FakeClock()
        self.database: Database = template().create(self.folder, self.clock)
        self.replicas = [Replica(self.database, policy=POLICY) for _ in range(REPLICAS)]
        self.servers = [ResourceServer() for _ in range(RESOURCE_SERVERS)]
        self.tokens: list[Token] = []
        self.emergencies: set[str] = set()
        self.left: set[str] = set()
        self.hurried = 0
        self.epoch = -1
        self.wait(self.replicas[0].rotation.initialise())
        self.first = self.replicas[0].active().kid

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    @rule(which=st.integers(0, REPLICAS - 1))
    def tick(self, which: int) -> None:
        self.wait(self.replicas[which].rotation.tick())
        for key in self.replicas[which].every().values():
            if key.state is KeyState.RETIRING and self.age(key.retired_at) > POLICY.sign_lease_ms:
                assert key.private_ref is None, "K5: a private half outlived every lease on it"

    @rule(which=st.integers(0, REPLICAS - 1))
    def refresh(self, which: int) -> None:
        self.wait(self.replicas[which].keyring.refresh())

    @rule(which=st.integers(0, REPLICAS - 1))
    def sign(self, which: int) -> None:
        now = self.clock.now()
        try:
            token = self.wait(self.replicas[which].sign())
        except KeyUnavailable:
            return
        kid = header_of(token)["kid"]
        key = self.replicas[which].every()[kid]
        assert key.state in {KeyState.ACTIVE, KeyState.RETIRING}
        if kid != self.first and kid not in self.emergencies:
            assert self.age(key.published_at) > POLICY.publish_ahead_ms, "K4: signed with a key that was published too recently"
        last = now + TIMINGS.access_token_lifetime + TIMINGS.leeway
        self.tokens.append(Token(kid, round(last * 1000)))

    @rule(which=st.integers(0, REPLICAS - 1), server=st.integers(0, RESOURCE_SERVERS - 1))
    def fetch(self, which: int, server: int) -> None:
        try:
            body, _ = self.replicas[which].keyring.jwks()
        except KeyUnavailable:
            return  # 503: the resource server keeps what it has
        self.servers[server].adopt(body, self.clock.ms)

    @rule(seconds=_SECONDS)
    def advance(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @rule(which=st.integers(0, REPLICAS - 1))
    def rotate_now(self, which: int) -> None:
        try:
            self.wait(self.replicas[which].rotation.rotate_now())
            self.hurried += 1
        except RotationRefused:
            assert self.age(self.replicas[which].pending().published_at) <= POLICY.publish_ahead_ms

    @precondition(lambda self: len(self.emergencies) < 2)
    @rule(which=st.integers(0, REPLICAS - 1))
    def emergency(self, which: int) -> None:
        self.emergencies.add(self.wait(self.replicas[which].rotation.rotate_now(emergency=True)))
        self.hurried += 1

    @rule(which=st.integers(0, REPLICAS - 1))
    def restart(self, which: int) -> None:
        self.replicas[which].keyring.close()
        self.replicas[which] = Replica(self.database, policy=POLICY)

    @rule(which=st.integers(0, REPLICAS - 1))
    def wall_clock_steps(self, which: int) -> None:
        self.clock.wall_error = 0 if self.clock.wall_error else TIMINGS.clock_error + 1

    @invariant()
    def one_key_signs_and_few_are_published(self) -> None:
        """K3."""
        states = [key.state for key in self.keys().values()]
        assert states.count(KeyState.ACTIVE) == 1
        assert states.count(KeyState.PENDING) <= 1
        # A retiring key stays until somebody ticks; without an operator's hurry there is only one of them. V and T_rot are equal here:
        # in the millisecond in which V has elapsed for one key, which is still published, the next may follow it.
        retiring = [key for key in self.keys().values() if key.state is KeyState.RETIRING]
        assert sum(self.age(key.retired_at) < POLICY.retire_after_ms for key in retiring) <= 1 + self.hurried
        assert self.replicas[0].ring().active_kid == self.replicas[0].active().kid

    @invariant()
    def private_halves_are_where_they_belong(self) -> None:
        """K5."""
        for key in self.keys().values():
            if key.state is KeyState.ACTIVE:
                assert key.private_ref is not None
            if key.state in {KeyState.RETIRED, KeyState.COMPROMISED}:
                assert key.private_ref is None

    @invariant()
    def keys_leave_late_and_for_ever(self) -> None:
        """K6."""
        keys = self.keys()
        for key in keys.values():
            if key.state not in PUBLISHED:
                assert self.age(key.retired_at) > POLICY.retire_after_ms
        published = {kid for kid, key in keys.items() if key.state in PUBLISHED}
        assert not published & self.left
        assert self.left <= keys.keys(), "a tombstone is gone"
        self.left |= keys.keys() - published

    @invariant()
    def epochs_only_grow(self) -> None:
        """K7."""
        epoch = self.replicas[0].ring().epoch
        assert epoch >= self.epoch
        self.epoch = epoch
        for server in self.servers:
            assert server.epochs == sorted(server.epochs)

    @invariant()
    def no_valid_token_is_rejected_by_a_healthy_resource_server(self) -> None:
        """K1, but for keys that an emergency put to work early."""
        valid = {token.kid for token in self.tokens if token.last_accepted_ms >= self.clock.ms} - self.emergencies
        assert valid <= {kid for kid, key in self.keys().items() if key.state in PUBLISHED}
        for server in self.servers:
            if server.fetched_at is not None and self.age(server.fetched_at) <= MAX_AGE_SECONDS * 1000:
                assert valid <= server.kids

    def keys(self) -> dict[str, SigningKey]:
        return self.replicas[0].every() if hasattr(self, "replicas") else {}

    def age(self, since_ms: int | None) -> int:
        assert since_ms is not None
        return self.clock.ms - since_ms

    def teardown(self) -> None:
        if hasattr(self, "loop"):
            for replica in self.replicas:
                replica.keyring.close()
            self.database.close()
            self.loop.run_until_complete(self.loop.shutdown_default_executor())
            self.loop.close()
            shutil.rmtree(self.folder)


KeyRotation.TestCase.settings = settings(
    max_examples=30, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestKeyRotation = KeyRotation.TestCase
