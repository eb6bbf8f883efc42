"""What must hold after every step: invariants K1 to K11, judged from outside.

K8: a backup may be put back at any moment, and all other checks hold for what comes after that is finished; until then no key of a
database that lost something signs or changes. K9: a replica may be stopped at every question to its database, and between reading
`iat` and signing, for any time; all other checks then hold for what it does on waking.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Final

from auth_server.keys.intents import OUTCOMES
from auth_server.keys.lifecycle import PUBLISHED
from auth_server.keys.published import PublishedKeys
from auth_server.protocol.errors import KeyUnavailable
from auth_server.store.key_incidents import Halt
from auth_server.store.signing_keys import KeyState, RingView, SigningKey
from auth_server.store.transaction import Transaction
from shared.key_policy import KeyPolicy
from tests.properties.key_world.world import MAX_STALE, REFRESH, TIMINGS, Token, World

_M: Final = 1.25 * REFRESH
BY_POLLING_MS: Final = round((TIMINGS.view_lease + _M) * 1000)
# A set that was as old as W_pub when it was fetched, and that nobody could refresh since.
_BY_ANYONE_MS: Final = round((TIMINGS.view_lease + MAX_STALE) * 1000)
_PRIVATE: Final = frozenset({KeyState.PENDING, KeyState.ACTIVE})
_DONE: Final = {done.value: intended.value for intended, done in OUTCOMES.items()}


@dataclass
class Laws:
    """Holds a world to them; remembers what it saw before.

    Attributes:
        by_polling_ms: X, for who can refresh.
    """

    world: World
    by_polling_ms: int = BY_POLLING_MS
    epoch: int = -1
    restored_epoch: int = -1
    # By epoch: the key sets that were served.
    sets: dict[int, PublishedKeys] = field(default_factory=dict)
    left: set[str] = field(default_factory=set)
    # When restores were finished: V begins anew then for every key that had stopped to sign.
    settled: set[int] = field(default_factory=set)
    intents: set[tuple[str, str]] = field(default_factory=set)
    seen_events: int = 0
    _read_at: int = -1
    _keys: dict[str, SigningKey] = field(default_factory=dict)
    _ring: RingView | None = None
    _halt: Halt | None = None

    @property
    def timings(self) -> KeyPolicy:
        """What the issuer was told: a control whose timings are wrong keeps to them, and must be found out by their consequences."""
        return self.world.policy.timings

    def check(self) -> None:
        """Check everything that can be seen now."""
        keys, ring = self.look()
        self._take_note(keys)
        self.k3(keys, ring)
        self.k5(keys)
        self.k6(keys)
        self.k7(ring)
        self.k8(ring)
        self.served()
        self.tokens()

    def look(self) -> tuple[dict[str, SigningKey], RingView]:
        """Return the keys and the ring; they are read, and with them the audit log, when something may have changed."""
        if self._read_at != self.world.home.changes or self._ring is None:
            self._read_at = self.world.home.changes
            self._keys, self._ring, self._halt, events = self.world.store.read_blocking(self._read)
            self.k10(events)
            if self._halt is not None and self._halt.restored_at is not None:
                self.settled.add(self._halt.restored_at)
        return self._keys, self._ring

    def _read(self, tx: Transaction) -> tuple[dict[str, SigningKey], RingView, Halt | None, list[tuple[int, str]]]:
        keys = {key.kid: key for key in tx.signing_keys.every()}
        events = tx.audit_events.since(self.seen_events, 1_000)
        return keys, tx.signing_keys.views()[0], tx.key_incidents.halt(), events

    def restored(self) -> None:
        """A backup was put back: what the database itself said before is no measure until that is finished."""
        self.epoch, self.seen_events = -1, 0
        self.restored_epoch = self.look()[1].epoch

    def is_older(self) -> bool:
        """Say whether the database lost something that was published, and nobody has settled it."""
        self.look()
        settled_at = None if self._halt is None else self._halt.restored_at
        return self.world.is_older and (settled_at is None or settled_at < self.world.restored_at)

    def k8(self, ring: RingView) -> None:
        """Whoever changes keys in a database that lost something hides the loss."""
        assert not self.is_older() or ring.epoch == self.restored_epoch, "K8: keys of a database changed that lost something"

    def finished(self) -> None:
        """K8: what was published before is older than what will be, and every burn that anybody was told of holds."""
        keys, ring = self.look()
        assert ring.epoch > max(self.sets, default=0), "K8: resource servers would ignore what is published now"
        for kid in self.world.burned:
            assert keys[kid].state is KeyState.COMPROMISED, "K8: a burned key lives again"

    def _take_note(self, keys: dict[str, SigningKey]) -> None:
        ahead = self.timings.publish_ahead * 1000
        exempt = self.world.patient | {self.world.first}
        for key in keys.values():
            if key.state is KeyState.COMPROMISED and key.tombstoned_at is not None:
                self.world.burned.setdefault(key.kid, key.tombstoned_at)
            if key.activated_at is not None and key.kid not in exempt and key.activated_at - key.published_at <= ahead:
                self.world.hurried.add(key.kid)
        assert len(self.world.hurried) <= self.world.emergencies, "K4: promoted before it was N old"

    def tokens(self) -> None:
        """K1 and K2, for each token at each resource server."""
        for server in self.world.servers:
            for token in self.world.tokens:
                refusal = server.judge(token.compact)
                if token.kid in self.world.burned:
                    age = self.world.clock.ms - self.world.burned[token.kid]
                    bound = self.by_polling_ms if server.is_healthy else _BY_ANYONE_MS
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
        retiring = [key for key in keys.values() if key.state is KeyState.RETIRING and key.retired_at not in self.settled]
        young = [key for key in retiring if self._age(key.retired_at) < 100_000]
        assert len(young) <= 1 + self.world.hurries, "K3: too many keys are published"

    def signed(self, token: Token, viewed: int) -> None:
        """K4, at the moment of signing; `viewed` is how many restores there were when the view was read."""
        assert not (viewed == self.world.restores and self.is_older()), "K8: signed from a database that lost something"
        keys, _ = self.look()
        self._take_note(keys)
        if token.kid in keys and token.kid != self.world.first and token.kid not in self.world.hurried:
            age = self._age(keys[token.kid].published_at)
            assert age > self.timings.publish_ahead * 1000, f"K4: signed with a key that was published {age} ms ago"

    def k5(self, keys: dict[str, SigningKey]) -> None:
        """Private halves are where they belong."""
        for key in keys.values():
            if key.state in _PRIVATE:
                assert key.private_ref is not None, f"K5: {key.state} without its private half"
            elif key.state is not KeyState.RETIRING:
                assert key.private_ref is None, f"K5: {key.state} with a private half"

    def erased(self) -> None:
        """K5, after somebody has tidied up: nothing is kept that no replica can hold a lease on."""
        for key in self.look()[0].values():
            if key.state is KeyState.RETIRING and self._age(key.retired_at) > self.timings.sign_lease * 1000:
                assert key.private_ref is None, "K5: a private half outlived every lease on it"

    def k6(self, keys: dict[str, SigningKey]) -> None:
        """Keys leave late, or burned, and for ever."""
        for key in keys.values():
            # What a restore found to have left before leaves again at once; what never signed has no token that could miss it.
            if key.state is KeyState.RETIRED and key.activated_at is not None and key.kid not in self.left:
                assert self._age(key.retired_at) > self.timings.retire_after * 1000, "K6: withdrawn too early"
            elif key.state is KeyState.COMPROMISED:
                assert key.kid in self.world.condemned, "K6: burned by nobody"
        if not self.world.is_restored:
            published = {kid for kid, key in keys.items() if key.state in PUBLISHED}
            assert not published & self.left, "K6: a key came back"
            dead = {kid for kid, key in keys.items() if key.state is KeyState.COMPROMISED}
            assert self.world.burned.keys() <= dead, "K6: a tombstone is gone"
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

    def served(self) -> None:
        """K11 and K6, by what replicas serve, whatever key encryption keys they have."""
        for replica in self.world.replicas:
            try:
                published = replica.keyring.published()
            except KeyUnavailable:
                continue
            known = self.sets.get(published.epoch)
            if known is None:
                self.sets[published.epoch] = published
                self._note_who_left()
            elif known.body != published.body:
                # While a database is older than what was published, that is served again, less what the database knows to be dead.
                assert known.kids - published.kids <= set(published.revoked), "K11: two key sets of one epoch"
                assert published.kids < known.kids, "K11: two key sets of one epoch"

    def _note_who_left(self) -> None:
        left: set[str] = set()
        before: frozenset[str] = frozenset()
        for epoch in sorted(self.sets):
            kids = self.sets[epoch].kids
            assert not kids & left, "K6: a key came back to the key set"
            left |= before - kids
            before = kids
        self.left = left

    def _age(self, since_ms: int | None) -> int:
        assert since_ms is not None
        return self.world.clock.ms - since_ms
