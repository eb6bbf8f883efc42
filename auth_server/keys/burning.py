"""Burn a key: in one commit it is dead, its standby signs, and everybody who asks is told.

1. Burning is one transaction: the key becomes COMPROMISED and its private half is erased; if it was the active one, the standby becomes
   ACTIVE; the epoch rises; the feed names the kid; the audit log says so.
2. The key may stand anywhere in its life. A burned key never comes back, under no state and by no import.
3. `planned`: the standby signs first, then a signing lease passes, and only then the key dies. Nobody is handed a token that is dead
   on arrival.
4. A ring whose standby is missing gets one before its active key may die: some key must sign. Resource servers that have not fetched
   it yet ask for it, and answer 503 until they have.
5. Whoever loses the race for an epoch looks again and tries again, until the key is dead: two who burn different keys both succeed.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from auth_server.audit.events import EventName
from auth_server.keys.custodians.contract import Custodian
from auth_server.keys.intents import Intent, carry_out
from auth_server.keys.lifecycle import RotationPolicy, is_seasoned
from auth_server.keys.published import publish
from auth_server.keys.rollback import HOW_TO_GO_ON, RollbackWatch
from auth_server.protocol.errors import KeyUnavailable
from auth_server.revocation.feed import Feed
from auth_server.store.signing_keys import KeyState, RingView, SigningKey
from auth_server.store.store import Store
from auth_server.store.transaction import Transaction

# Each lost race means that somebody else changed the ring; more than this many in a row means that something is wrong.
_ATTEMPTS: Final = 100
_LOOK_EVERY_SECONDS: Final = 1.0


class BurnRefused(Exception):
    """The key cannot be burned, or not in this way. The sentence may be shown."""


class Stage(StrEnum):
    """How far a burn has come."""

    STANDBY_MADE = "standby_made"
    PROMOTED = "promoted"
    WAITING = "waiting"
    BURNED = "burned"


@dataclass(frozen=True, slots=True)
class Progress:
    """One thing that is true now: the stage, the key it is about, and how many seconds are left of a wait."""

    stage: Stage
    kid: str
    seconds_left: float = 0.0


@dataclass(frozen=True, slots=True)
class Burned:
    """What became of it.

    Attributes:
        was: the state before; COMPROMISED when the key was dead already and nothing changed.
        active_kid: who signs in its ring now; None in a ring that does not sign.
        standby_kid: the standby now; None when it could not be made yet, which the server does within seconds.
        is_known: whether every healthy resource server has held the active key for longer than N.
        kept_by_custodian: why a device or another machine still holds the private half; None when it does not.
    """

    kid: str
    ring: str
    was: KeyState
    active_kid: str | None
    standby_kid: str | None
    is_known: bool
    kept_by_custodian: str | None = None


@dataclass(frozen=True, slots=True)
class _Sight:
    """A key and its ring, as one transaction saw them."""

    key: SigningKey
    ring: RingView

    @property
    def is_active(self) -> bool:
        return self.ring.active_kid == self.key.kid


class Burning:
    """Burns keys of any ring. Any number of replicas may do it at once on one database.

    Args:
        custodian: the name of who makes new keys.
        sleep: waits that many seconds; tests move a virtual clock instead.
    """

    def __init__(
        self,
        *,
        store: Store,
        custodians: Mapping[str, Custodian],
        policy: RotationPolicy,
        custodian: str = "local",
        watch: RollbackWatch | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._store = store
        self._custodians = custodians
        self._policy = policy
        self._custodian = custodian
        self._watch = watch or RollbackWatch(store)
        self._feed = Feed(policy.timings)
        self._sleep = sleep

    async def burn(
        self,
        kid: str,
        *,
        reason: str,
        planned: bool = False,
        actor: str = "operator",
        tell: Callable[[Progress], None] = lambda _: None,
    ) -> Burned:
        """Burn a key; when this returns, it is dead.

        Args:
            reason: for the audit log and the key's row.
            planned: let the standby sign first, and wait until nobody signs with the key any more.
            tell: is called with each stage as it is reached, and every second of a wait.

        Raises:
            BurnRefused: there is no such key, `planned` and the standby is younger than N, or the database was rolled back.
            KeyUnavailable: the standby that would have to sign does not open, or cannot be made; nothing was burned.
            StoreUnavailable: the database did not answer.
        """
        if planned:
            await self._step_aside(kid, actor, tell)
        for _ in range(_ATTEMPTS):
            sight = await self._look(kid)
            if sight.key.state is KeyState.COMPROMISED:
                return self._report(sight, KeyState.COMPROMISED)
            if sight.is_active and sight.ring.pending is None:
                await self._make_standby(sight.ring, actor, tell)
                continue
            if await self._burn(sight, reason, actor):
                await self._remember()
                tell(Progress(Stage.BURNED, kid))
                return await self._clean_up(sight, actor, tell)
        raise BurnRefused("the ring kept changing; look at it and try again")

    async def check_planned(self, kid: str) -> None:
        """Refuse a planned burn that could not be carried out now, before anybody is asked to confirm it.

        Raises:
            BurnRefused, StoreUnavailable: like `burn`.
        """
        sight = await self._look(kid)
        if sight.is_active:
            self._seasoned_standby(sight.ring)

    async def _burn(self, sight: _Sight, reason: str, actor: str) -> bool:
        key, ring = sight.key, sight.ring
        intents = [Intent(EventName.KEY_BURN_INTENDED, ring.ring, key.kid, ring.epoch, actor, reason)]
        successor = ring.pending if sight.is_active else None
        if successor is not None:
            # A standby that does not open must not become the only key that may sign.
            await self._open(successor)
            intents.append(Intent(EventName.KEY_PROMOTION_INTENDED, ring.ring, successor.kid, ring.epoch, actor))

        def burn(tx: Transaction) -> bool:
            burned = tx.key_incidents.burn(
                key.kid,
                ring=ring.ring,
                epoch=ring.epoch,
                reason=reason,
                successor=None if successor is None else successor.kid,
            )
            if burned:
                self._feed.revoke_key(tx, key.kid, still_signs_for=self._policy.timings.sign_lease)
            return burned

        return await carry_out(self._store, intents, burn)

    async def _step_aside(self, kid: str, actor: str, tell: Callable[[Progress], None]) -> None:
        """Let the standby sign, if the key is the active one, and wait until every signing lease on the key is over."""
        sight = await self._look(kid)
        if sight.is_active:
            await self._promote_standby(sight, actor, tell)
        while True:
            sight = await self._look(kid)
            retired_at = sight.key.retired_at
            if sight.key.state is not KeyState.RETIRING or retired_at is None:
                return
            left_ms = retired_at + self._policy.sign_lease_ms - sight.ring.now_ms
            if left_ms < 0:
                return
            tell(Progress(Stage.WAITING, kid, left_ms / 1000))
            await self._sleep(min(left_ms / 1000 + 0.001, _LOOK_EVERY_SECONDS))

    async def _promote_standby(self, sight: _Sight, actor: str, tell: Callable[[Progress], None]) -> None:
        ring, standby = sight.ring, self._seasoned_standby(sight.ring)
        await self._open(standby)
        promoted = await carry_out(
            self._store,
            [Intent(EventName.KEY_PROMOTION_INTENDED, ring.ring, standby.kid, ring.epoch, actor)],
            lambda tx: tx.signing_keys.promote(
                standby.kid,
                old=ring.active_kid,
                ring=ring.ring,
                epoch=ring.epoch,
                publish_ahead_ms=self._policy.publish_ahead_ms,
            ),
        )
        if not promoted:
            raise BurnRefused("somebody else changed the ring at the same moment; look at it and try again")
        tell(Progress(Stage.PROMOTED, standby.kid))

    def _seasoned_standby(self, ring: RingView) -> SigningKey:
        standby = ring.pending
        if standby is None:
            raise BurnRefused("there is no standby yet; the server makes one within seconds")
        if not is_seasoned(standby, ring.now_ms, self._policy):
            left = (standby.published_at + self._policy.publish_ahead_ms - ring.now_ms) // 1000 + 1
            raise BurnRefused(f"the standby was published too recently for a planned burn; wait {left} s, or burn at once")
        return standby

    async def _make_standby(self, ring: RingView, actor: str, tell: Callable[[Progress], None]) -> None:
        # Who cannot open the active key has the wrong key encryption keys: what he made would open nowhere else.
        if ring.active is not None and ring.active.custodian == self._custodian:
            await self._open(ring.active)
        custodian = self._custodian_called(self._custodian)
        made = await asyncio.to_thread(custodian.generate, ring.ring, ring.alg)
        added = await carry_out(
            self._store,
            [Intent(EventName.KEY_CREATION_INTENDED, ring.ring, made.kid, ring.epoch, actor)],
            lambda tx: tx.signing_keys.add_standby(made, epoch=ring.epoch),
        )
        if added:
            tell(Progress(Stage.STANDBY_MADE, made.kid))
        else:
            await asyncio.to_thread(custodian.destroy, made)

    async def _clean_up(self, before: _Sight, actor: str, tell: Callable[[Progress], None]) -> Burned:
        """Destroy what a custodian holds, make the next standby, and report."""
        kept = None
        try:
            if before.key.private_ref is not None:
                await asyncio.to_thread(self._custodian_called(before.key.custodian).destroy, before.key)
        except KeyUnavailable as refusal:
            kept = str(refusal)
        sight = await self._look(before.key.kid)
        if sight.ring.active is not None and sight.ring.pending is None:
            # When it cannot be made, the rotation of any replica will, or says why not.
            with contextlib.suppress(KeyUnavailable):
                await self._make_standby(sight.ring, actor, tell)
            sight = await self._look(before.key.kid)
        return self._report(sight, before.key.state, kept)

    def _report(self, sight: _Sight, was: KeyState, kept: str | None = None) -> Burned:
        ring = sight.ring
        known = ring.active is not None and is_seasoned(ring.active, ring.now_ms, self._policy)
        standby = None if ring.pending is None else ring.pending.kid
        return Burned(sight.key.kid, ring.ring, was, ring.active_kid, standby, known, kept)

    async def _look(self, kid: str) -> _Sight:
        key = await self._store.read(lambda tx: tx.signing_keys.find(kid))
        sight = await self._watch.look()
        if sight.halted:
            raise BurnRefused(f"{sight.halted}; {HOW_TO_GO_ON} first")
        ring = None if key is None else sight.ring(key.ring)
        if key is None or ring is None:
            raise BurnRefused("there is no key with this kid")
        # As the ring's own statement saw it, for its epoch guards what is decided here; a ring's view has no retired keys.
        return _Sight(next((member for member in ring.keys if member.kid == kid), key), ring)

    async def _remember(self) -> None:
        """Write the tombstone down before anybody is told that the key is dead: a restore must not bring it back to life."""
        sight = await self._watch.look()
        if not sight.halted:
            await self._watch.remember(publish(sight.rings).body)

    async def _open(self, key: SigningKey) -> None:
        await asyncio.to_thread(self._custodian_called(key.custodian).load, key)

    def _custodian_called(self, name: str) -> Custodian:
        try:
            return self._custodians[name]
        except KeyError:
            raise KeyUnavailable(f"there is no custodian called {name}") from None
