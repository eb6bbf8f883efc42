"""The rules: whatever processes, networks, clocks and operators may do, in any order."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Coroutine
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from auth_server.keys.lifecycle import RotationPolicy
from auth_server.protocol.errors import KeyUnavailable
from resource_server.jwks.cache import KeyCache
from tests.properties.key_world.databases import KeyDatabase
from tests.properties.key_world.gate import Killed
from tests.properties.key_world.laws import BY_POLLING_MS, Laws
from tests.properties.key_world.replica import Parts
from tests.properties.key_world.world import NEXT_POLICY, POLICY, REPLICAS, SERVERS, TIMINGS, World

_REPLICA = st.integers(0, REPLICAS - 1)
_SERVER = st.integers(0, SERVERS - 1)
# On, just before and just after each bound.
_SECONDS = st.sampled_from([0.001, 1, 7, 19.999, 20, 20.001, 29.999, 30, 39, 40, 60.001, 60.002, 70, 100, 100.001, 300])
# Enough to pass every question of a tick that does all there is to do.
_PASSES = st.integers(0, 12)
_EPS = int(TIMINGS.clock_error)
_ERROR = st.sampled_from([0, -_EPS, _EPS])
_WRONG_KEK = (bytes([255]) * 32,)
_NO_ANSWERS = (b"", b"<html>502 Bad Gateway</html>", b'{"keys":[]}', b'{"keys":', b"{" * 70_000)


class KeyMachine(RuleBasedStateMachine):
    """Needs `home`, the database; the rest is what a control exchanges. The rules are those of the design, by its words."""

    home: ClassVar[KeyDatabase]
    policy: ClassVar[RotationPolicy] = POLICY
    parts: ClassVar[Parts] = Parts()
    cache: ClassVar[type[KeyCache]] = KeyCache
    by_polling_ms: ClassVar[int] = BY_POLLING_MS

    @initialize(replicas=st.tuples(*[_ERROR] * REPLICAS), servers=st.tuples(*[_ERROR] * SERVERS))
    def begin(self, replicas: tuple[int, ...], servers: tuple[int, ...]) -> None:
        """With clocks that are wrong by anything up to ε from the start."""
        self.world = World(self.home, policy=self.policy, parts=self.parts, cache=self.cache)
        self.laws = Laws(self.world, self.by_polling_ms)
        for replica, error in zip(self.world.replicas, replicas, strict=True):
            replica.clock.error = error
        for number, error in enumerate(servers):
            self.world.servers[number].error = error
            self.world.fetch(number, 0)

    # What replicas do.

    @rule(which=_REPLICA)
    def tick(self, which: int) -> None:
        replica = self.world.replicas[which]
        self.world.do(which, replica.tick(self.world.restores))
        is_able = replica.is_up and not replica.gate.is_cut_off and replica.keks != _WRONG_KEK and replica.policy == POLICY
        if is_able and not self.world.is_restored:
            self.laws.erased()

    @rule(which=_REPLICA)
    def read_view(self, which: int) -> None:
        self.world.do(which, self.world.replicas[which].refresh(self.world.restores))

    @rule(which=_REPLICA, waits=st.sampled_from([0, 0, 0, 1, 25]))
    def sign(self, which: int, waits: int) -> None:
        """`waits`: how long the process is stopped between reading `iat` and signing."""
        replica = self.world.replicas[which]
        issued_at = replica.clock.now()
        if waits:
            self.world.advance(waits)
        token = self.world.sign(which, issued_at)
        if token is not None:
            assert abs(replica.clock.wall_error) <= TIMINGS.clock_error, "R4: signed by a wrong clock"
            assert replica.keks != _WRONG_KEK, "K11: signed with the wrong key encryption key"
            self.laws.signed(token, replica.viewed)

    @rule(which=_REPLICA)
    def rotate_now(self, which: int) -> None:
        """By an operator, on a replica that signs with the new key at once."""
        before = self._keys()[0]
        self.world.do(which, self.world.replicas[which].rotation.rotate_now())
        # What comes after the promotion may fail.
        if self._keys()[0] != before:
            self.world.hurries += 1
            self.read_view(which)
            self.sign(which, 0)

    @precondition(lambda self: self.world.emergencies < 3)
    @rule(which=_REPLICA)
    def rotate_in_an_emergency(self, which: int) -> None:
        self.world.emergencies += 1
        self.world.hurries += 1
        self.world.do(which, self.world.replicas[which].rotation.rotate_now(emergency=True))

    @precondition(lambda self: self.world.emergencies < 3)
    @rule(which=_REPLICA, number=st.integers(0, 5), planned=st.booleans(), passes=st.sampled_from([None, None, 2, 4, 6, 8]))
    def compromise(self, which: int, number: int, planned: bool, passes: int | None) -> None:
        """Any key there ever was is burned, the active one first; `passes`: how far it comes before the process is stopped."""
        kid = self._keys()[number % len(self._keys())]
        self.world.condemned.add(kid)
        self.world.emergencies += 1
        self.world.hurries += 1
        replica = self.world.replicas[which]
        work = replica.burning.burn(kid, reason="lost", planned=planned)
        if passes is None or not replica.is_up:
            burned = self.world.do(which, work)
        else:
            burned = self.world.wait(replica.pause_within(work, passes))
        if burned is not None:
            self.world.dead.add(kid)

    def _keys(self) -> list[str]:
        keys, ring = self.laws.look()
        return [ring.active_kid or "", *(kid for kid in keys if kid != ring.active_kid)]

    # What happens to them.

    @rule(which=_REPLICA, passes=_PASSES, what=st.sampled_from(["tick", "read_view", "rotate_now", "restore"]))
    def pause(self, which: int, passes: int, what: str) -> None:
        replica = self.world.replicas[which]
        if replica.is_up and (what != "restore" or self.world.is_restored):
            self.world.hurries += what == "rotate_now"
            begun: dict[str, Callable[[], Coroutine[Any, Any, Any]]] = {
                "tick": replica.tick,
                "read_view": replica.refresh,
                "rotate_now": replica.rotation.rotate_now,
                "restore": lambda: replica.finish_restore(self.world.restores, self.world.finished),
            }
            self.world.wait(replica.pause_within(begun[what](), passes, is_changing=what != "read_view"))

    @rule(which=_REPLICA)
    def resume(self, which: int) -> None:
        self.world.wait(self.world.replicas[which].resume())

    @rule(which=_REPLICA)
    def kill(self, which: int) -> None:
        """Wherever it is; it stays away until somebody deploys."""
        self.world.wait(self.world.replicas[which].end())

    @rule(which=_REPLICA)
    def deploy_old(self, which: int) -> None:
        self._deploy(which)

    @rule(which=_REPLICA)
    def deploy_new(self, which: int) -> None:
        """The next release, or its configuration."""
        self._deploy(which, NEXT_POLICY if self.policy == POLICY else self.policy)

    @rule(which=_REPLICA)
    def deploy_with_the_wrong_kek(self, which: int) -> None:
        self._deploy(which, keks=_WRONG_KEK)

    def _deploy(self, which: int, policy: RotationPolicy | None = None, keks: tuple[bytes, ...] | None = None) -> None:
        self.world.do(which, self.world.restart(which, policy, keks).refresh(self.world.restores))

    @rule(passes=st.integers(0, 8))
    def kek_rotate(self, passes: int) -> None:
        """Prepend a new one everywhere, re-wrap, and be killed meanwhile; the old one goes when nothing lies under it."""
        if len(self.world.keks) == 1:
            self.world.keks.insert(0, bytes([self.world.keks[0][0] + 1]) * 32)
        for which in range(REPLICAS):
            self._deploy(which)
        gate = self.world.replicas[0].gate
        gate.kill_after(passes)
        with contextlib.suppress(Killed):
            self.world.wait(self.world.replicas[0].rewrap.run())
            del self.world.keks[1:]
        gate.open()
        for which in range(REPLICAS):
            self._deploy(which)

    @rule()
    def back_up(self) -> None:
        self.world.back_up()

    @precondition(lambda self: self.world.backups and self.world.restores < 3)
    @rule(number=st.integers(0, 2), stops=st.booleans(), waits=st.sampled_from([0, 1, 40]), works=st.none() | _REPLICA)
    def restore(self, number: int, stops: bool, waits: float, works: int | None) -> None:
        """Of a backup of any age; `works`: who ticks before an operator has finished it."""
        self.world.restore(number, stops=stops)
        self.laws.restored()
        self.world.advance(waits)
        if works is not None:
            self.tick(works)
            self.sign(works, 0)

    @precondition(lambda self: self.world.is_restored)
    @rule(which=_REPLICA)
    def finish_restore(self, which: int) -> None:
        if self.world.finish_restore(which) is not None:
            self.laws.finished()

    @rule(which=_REPLICA, cut_off=st.booleans())
    def cut_off_from_the_database(self, which: int, cut_off: bool) -> None:
        self.world.replicas[which].gate.is_cut_off = cut_off

    @rule(which=_REPLICA, error=_ERROR, wall_error=st.sampled_from([0, _EPS, -_EPS, _EPS + 1, -3600]))
    def clock_step(self, which: int, error: int, wall_error: int) -> None:
        clock = self.world.replicas[which].clock
        clock.error, clock.wall_error = error, wall_error

    # What resource servers do, and what happens to them.

    @rule(server=_SERVER, which=_REPLICA)
    def fetch(self, server: int, which: int) -> None:
        self.world.fetch(server, which)

    @rule(server=_SERVER, answer=st.sampled_from(_NO_ANSWERS))
    def fetch_fails(self, server: int, answer: bytes) -> None:
        """By an answer that is none."""
        asking = self.world.servers[server]
        if not asking.cache.in_flight:
            asking.depart()
            asking.land(lambda: answer)

    @rule(server=_SERVER, which=_REPLICA, seconds=st.sampled_from([0.5, 4.9]))
    def fetch_slowly(self, server: int, which: int, seconds: float) -> None:
        """The answer is made at once, and is a while on its way."""
        asking = self.world.servers[server]
        with contextlib.suppress(KeyUnavailable):
            body = self.world.answer(which)
            asking.depart()
            self.world.advance(seconds)
            asking.land(lambda: body)

    @rule(server=_SERVER, which=_REPLICA, number=st.integers(0, 50))
    def present(self, server: int, which: int, number: int) -> None:
        """A request with a token: it may bring about a fetch, and is not refused for good after a good one."""
        if not self.world.tokens:
            return
        token, asked = self.world.tokens[number % len(self.world.tokens)], self.world.servers[server]
        refusal = asked.present(token.compact, token.kid, lambda: self.world.answer(which))
        if token.kid not in self.world.burned and self.laws.must_accept(
            token, asked.now(), healthy=asked.is_healthy, error=asked.error
        ):
            assert refusal is None, f"K1: refused at the door: {refusal!r}"

    @rule(server=_SERVER)
    def partition(self, server: int) -> None:
        self.world.servers[server].is_cut_off = True

    @rule(server=_SERVER)
    def heal(self, server: int) -> None:
        self.world.servers[server].is_cut_off = False

    @rule(server=_SERVER, error=st.sampled_from([-_EPS, 0, _EPS, 60]))
    def clock_step_of_a_resource_server(self, server: int, error: int) -> None:
        self.world.servers[server].error = error

    # Time.

    @rule(seconds=_SECONDS)
    def advance_time(self, seconds: float) -> None:
        self.world.advance(seconds)

    @rule(steps=st.integers(1, 8), works=_REPLICA, serves=_REPLICA, in_turns=st.booleans())
    def live(self, steps: int, works: int, serves: int, in_turns: bool) -> None:
        """A while, five seconds a step: a replica does its job and signs, and all who are due to refresh ask one, maybe another."""
        for step in range(steps):
            turn = (works + step) % REPLICAS if in_turns else works
            self.world.advance(5)
            self.world.do(turn, self.world.replicas[turn].tick(self.world.restores))
            self.sign(turn, 0)
            self._refresh_who_is_due(turn if in_turns else serves)
            self.laws.tokens()

    def _refresh_who_is_due(self, which: int) -> None:
        for number, server in enumerate(self.world.servers):
            if server.cache.refresh_at(server.monotonic()) <= server.monotonic():
                self.world.fetch(number, which)

    @invariant()
    def every_law_holds(self) -> None:
        if hasattr(self, "laws"):
            self.laws.check()

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.world.end()


def machine_on(home: KeyDatabase, **changes: object) -> type[KeyMachine]:
    """Return the machine over a database; `changes` are what a control exchanges."""
    return type("KeyMachineOn", (KeyMachine,), {"home": home, **changes})
