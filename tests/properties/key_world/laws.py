"""What must hold after every step: invariants K1 to K7, K9 to K11, judged from outside.

K8 (a restored database) waits for the command that finishes a restore. K9 has no check of its own: a replica may be stopped at every
question to its database, and between reading `iat` and signing, for any time; all other checks then hold for what it does on waking.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Final

from auth_server.keys.intents import OUTCOMES
from auth_server.keys.lifecycle import PUBLISHED
from auth_server.protocol.errors import KeyUnavailable
from auth_server.store.signing_keys import KeyState, RingView, SigningKey
from auth_server.store.transaction import Transaction
from shared.key_policy import KeyPolicy
from tests.properties.key_world.world import MAX_STALE, REFRESH, TIMINGS, Token, World

_M: Final = 1.25 * REFRESH
_BY_POLLING_MS: Final = round((TIMINGS.view_lease + _M) * 1000)
# A set that was as old as W_pub when it was fetched, and that nobody could refresh since.
_BY_ANYONE_MS: Final = round((TIMINGS.view_lease + MAX_STALE) * 1000)
_PRIVATE: Final = frozenset({KeyState.PENDING, KeyState.ACTIVE})
_DONE: Final = {done.value: intended.value for intended, done in OUTCOMES.items()}


@dataclass
class Laws:
    """Holds a world to them; remembers what it saw before."""

    world: World
    epoch: int = -1
    left: set[str] = field(default_factory=set)
    bodies: dict[int, bytes] = field(default_factory=dict)
    intents: set[tuple[str, str]] = field(default_factory=set)
    seen_events: int = 0

    @property
    def timings(self) -> KeyPolicy:
        """What the issuer was told: a control whose timings are wrong keeps to them, and must be found out by their consequences."""
        return self.world.policy.timings

    def check(self) -> None:
        """Check everything that can be seen now."""
        keys, ring, events = self.world.store.read_blocking(self._look)
        self._take_note(keys)
        self.k3(keys, ring)
        self.k5(keys)
        self.k6(keys)
        self.k7(ring)
        self.k10(events)
        self.k11()
        self.tokens()

    def _look(self, tx: Transaction) -> tuple[dict[str, SigningKey], RingView, list[tuple[int, str]]]:
        keys = {key.kid: key for key in tx.signing_keys.every()}
        return keys, tx.signing_keys.views()[0], tx.audit_events.since(self.seen_events, 1_000)

    def _take_note(self, keys: dict[str, SigningKey]) -> None:
        ahead = TIMINGS.publish_ahead * 1000
        for key in keys.values():
            if key.state is KeyState.COMPROMISED and key.tombstoned_at is not None:
                self.world.burned.setdefault(key.kid, key.tombstoned_at)
            if key.activated_at is not None and key.kid != self.world.first and key.activated_at - key.published_at <= ahead:
                self.world.hurried.add(key.kid)
        assert len(self.world.hurried) <= self.world.emergencies, "K4: promoted before it was N old"

    def tokens(self) -> None:
        """K1 and K2, for each token at each resource server."""
        for server in self.world.servers:
            for token in self.world.tokens:
                refusal = server.judge(token.compact)
                if token.kid in self.world.burned:
                    age = self.world.clock.ms - self.world.burned[token.kid]
                    bound = _BY_POLLING_MS if server.is_healthy else _BY_ANYONE_MS
                    may = age <= bound and token.kid not in server.told
                    assert refusal is not None or may, f"K2: accepted {age} ms after its key was burned"
                elif self.must_accept(token, server.now(), healthy=server.is_healthy, error=server.error):
                    assert refusal is None, f"K1: refused: {refusal!r}"

    def must_accept(self, token: Token, clock: int, *, healthy: bool, error: int) -> bool:
        """Say whether a refusal would be wrong."""
        fit = healthy and abs(error) <= TIMINGS.clock_error
        return fit and token.kid not in self.world.hurried and token.is_acceptable_at(clock, self.timings.leeway)

    def k3(self, keys: dict[str, SigningKey], ring: RingView) -> None:
        """Exactly one ACTIVE, at most one PENDING, few published."""
        states = [key.state for key in keys.values()]
        assert states.count(KeyState.ACTIVE) == 1, "K3: not exactly one active key"
        assert states.count(KeyState.PENDING) <= 1, "K3: two standbys"
        assert keys[ring.active_kid or ""].state is KeyState.ACTIVE, "K3: the ring names another key"
        # Younger than the shortest V: what is older waits for somebody to tick, and takes no part in what a rotation may add.
        young = [key for key in keys.values() if key.state is KeyState.RETIRING and self._age(key.retired_at) < 100_000]
        assert len(young) <= 1 + self.world.hurries, "K3: too many keys are published"

    def signed(self, token: Token) -> None:
        """K4, at the moment of signing."""
        keys = {key.kid: key for key in self.world.store.read_blocking(lambda tx: tx.signing_keys.every())}
        self._take_note(keys)
        if token.kid != self.world.first and token.kid not in self.world.hurried:
            age = self._age(keys[token.kid].published_at)
            assert age > TIMINGS.publish_ahead * 1000, f"K4: signed with a key that was published {age} ms ago"

    def k5(self, keys: dict[str, SigningKey]) -> None:
        """Private halves are where they belong."""
        for key in keys.values():
            if key.state in _PRIVATE:
                assert key.private_ref is not None, f"K5: {key.state} without its private half"
            elif key.state is not KeyState.RETIRING:
                assert key.private_ref is None, f"K5: {key.state} with a private half"

    def erased(self) -> None:
        """K5, after somebody has tidied up: nothing is kept that no replica can hold a lease on."""
        for key in self.world.store.read_blocking(lambda tx: tx.signing_keys.every()):
            if key.state is KeyState.RETIRING and self._age(key.retired_at) > self.timings.sign_lease * 1000:
                assert key.private_ref is None, "K5: a private half outlived every lease on it"

    def k6(self, keys: dict[str, SigningKey]) -> None:
        """Keys leave late, or burned, and for ever."""
        published = {kid for kid, key in keys.items() if key.state in PUBLISHED}
        for key in keys.values():
            if key.state is KeyState.RETIRED:
                assert self._age(key.retired_at) > self.timings.retire_after * 1000, "K6: withdrawn too early"
            elif key.state is KeyState.COMPROMISED:
                assert key.kid in self.world.condemned, "K6: burned by nobody"
        assert not published & self.left, "K6: a key came back"
        assert self.left <= keys.keys(), "K6: a tombstone is gone"
        self.left |= keys.keys() - published
        for server in self.world.servers:
            for before, after, last in zip(server.held, server.held[1:], server.held[2:], strict=False):
                assert not (before - after) & last, "K6: a key came back to a resource server"

    def k7(self, ring: RingView) -> None:
        """Epochs only grow, in the database and at every resource server."""
        assert ring.epoch >= self.epoch, "K7: the epoch fell"
        self.epoch = ring.epoch
        for server in self.world.servers:
            assert server.epochs == sorted(server.epochs), "K7: a resource server took an older set"

    def k10(self, events: list[tuple[int, str]]) -> None:
        """Each change of a key was announced before."""
        for seq, body in events:
            self.seen_events = seq
            event = json.loads(body)
            kid = event.get("detail", {}).get("kid", "")
            name = event["name"]
            if name in _DONE:
                assert (_DONE[name], kid) in self.intents, f"K10: {name} of {kid} without an intent"
            self.intents.add((name, kid))

    def k11(self) -> None:
        """Whoever publishes an epoch publishes the same bytes, whatever key encryption keys it has."""
        for replica in self.world.replicas:
            try:
                published = replica.keyring.published()
            except KeyUnavailable:
                continue
            assert self.bodies.setdefault(published.epoch, published.body) == published.body, "K11: two key sets of one epoch"

    def _age(self, since_ms: int | None) -> int:
        assert since_ms is not None
        return self.world.clock.ms - since_ms
