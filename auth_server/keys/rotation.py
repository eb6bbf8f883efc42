"""Rotation without a leader: every replica looks what is due, and the first to commit does it.

Before each change its intent is written to the audit log in a transaction of its own; that it is done, in the transaction of the change.
So the log tells of a key that was about to change when the process died. A replica that comes second records `superseded`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from auth_server.audit import log
from auth_server.audit.events import EventName
from auth_server.keys.custodians.contract import Custodian
from auth_server.keys.lifecycle import (
    RotationPolicy,
    Step,
    StepKind,
    due,
    due_when_unconfigured,
    is_seasoned,
    must_say_wanted,
)
from auth_server.keys.rollback import HOW_TO_GO_ON, RollbackWatch
from auth_server.protocol.errors import KeyUnavailable
from auth_server.store.signing_keys import NewKey, RingView, SigningKey
from auth_server.store.store import Store
from auth_server.store.transaction import Transaction
from shared.jose import RS256

DEFAULT_RING: Final = "default"

# What to record before, and after.
_EVENTS: Final[dict[StepKind, tuple[EventName, EventName]]] = {
    StepKind.CREATE_STANDBY: (EventName.KEY_CREATION_INTENDED, EventName.KEY_CREATED),
    StepKind.PROMOTE: (EventName.KEY_PROMOTION_INTENDED, EventName.KEY_PROMOTED),
    StepKind.ERASE_PRIVATE: (EventName.KEY_ERASURE_INTENDED, EventName.KEY_ERASED),
    StepKind.RETIRE: (EventName.KEY_RETIREMENT_INTENDED, EventName.KEY_RETIRED),
    StepKind.CLOSE: (EventName.KEY_CLOSING_INTENDED, EventName.KEY_CLOSED),
}
# As the age a standby must have in an emergency: any, even if the database's clock went back behind its publication.
_NO_AGE: Final = -(10**15)


@dataclass(frozen=True, slots=True)
class _Change:
    """What is about to change: which step, on which keys, as of which epoch, at whose word."""

    kind: StepKind
    kids: tuple[str, ...]
    epoch: int
    actor: str = "job"


class RotationRefused(Exception):
    """An operator asked for a rotation that would not be safe, or that somebody else just did. The sentence may be shown."""


class Rotation:
    """Brings one ring through its life. Any number of replicas may run it at once on one database."""

    def __init__(
        self,
        *,
        store: Store,
        custodians: Mapping[str, Custodian],
        policy: RotationPolicy,
        ring: str = DEFAULT_RING,
        alg: str = RS256,
        custodian: str = "local",
        watch: RollbackWatch | None = None,
    ) -> None:
        self._store = store
        self._custodians = custodians
        self._policy = policy
        self._ring = ring
        self._alg = alg
        self._custodian = custodian
        self._watch = watch or RollbackWatch(store)
        self._to_destroy: list[SigningKey | NewKey] = []

    async def initialise(self) -> list[Step]:
        """Make the ring unless it is there, then do what is due; return what this process itself did.

        The first key of a new issuer signs at once; the first key of a further ring is published for N before.

        Raises:
            KeyUnavailable: the custodian cannot make keys.
            StoreUnavailable: the database did not answer.
        """
        sight = await self._watch.look()
        if sight.ring(self._ring) is None and not sight.halted:
            await self._check_key_encryption_keys()
            key = await self._generate(self._alg)
            change = _Change(StepKind.CREATE_STANDBY, (key.kid,), 0)
            if not await self._change(change, lambda tx: tx.signing_keys.start_ring(key)):
                self._to_destroy.append(key)
        return await self.tick()

    async def tick(self) -> list[Step]:
        """Do what is due now; return what this process itself did.

        A step that another process did first is no error. After each change the ring is read again, for it has a new epoch.

        Raises:
            KeyUnavailable: a standby cannot be made, or does not open and is therefore not promoted; nothing was changed by that.
                Or a custodian did not destroy a key that was erased.
            StoreUnavailable: the database did not answer.
        """
        view = (await self._watch.look()).ring(self._ring)
        if view is not None and must_say_wanted(view, view.now_ms, self._policy):
            await self._store.run(lambda tx: tx.signing_keys.want(self._ring))
        return await self._do(due)

    async def wind_down(self) -> list[Step]:
        """Like `tick`, for a ring that this process is not configured for: it gets no keys, and is closed when nobody wants it.

        Raises:
            KeyUnavailable, StoreUnavailable: like `tick`.
        """
        return await self._do(due_when_unconfigured)

    async def _do(self, due_on: Callable[[RingView, int, RotationPolicy], list[Step]]) -> list[Step]:
        done: list[Step] = []
        for _ in StepKind:
            sight = await self._watch.look()
            # A change would raise the epoch of a database that lost commits above what was published, and so hide the loss.
            if sight.halted:
                return done
            view = sight.ring(self._ring)
            steps = [] if view is None else due_on(view, view.now_ms, self._policy)
            steps = [step for step in steps if step.kind not in {other.kind for other in done}]
            if view is None or not steps:
                break
            same_kind = [step for step in steps if step.kind is steps[0].kind]
            if not await self._carry_out(same_kind, view):
                break
            done += same_kind
        await self._destroy()
        return done

    async def rotate_now(self, *, emergency: bool = False) -> str:
        """Promote the standby at once and return its kid; a new standby is made behind it.

        Args:
            emergency: promote a standby of any age. Resource servers that have not fetched it yet answer 503 or refuse until they do.

        Raises:
            RotationRefused: there is no standby, it is younger than N, or another process changed the ring at the same moment.
            KeyUnavailable: the standby does not open.
            StoreUnavailable: the database did not answer.
        """
        sight = await self._watch.look()
        if sight.halted:
            raise RotationRefused(f"{sight.halted}; {HOW_TO_GO_ON}")
        view = sight.ring(self._ring)
        if view is None or view.pending is None:
            raise RotationRefused("there is no standby yet; the server makes one within seconds")
        standby = view.pending
        if not emergency and not is_seasoned(standby, view.now_ms, self._policy):
            left = (standby.published_at + self._policy.publish_ahead_ms - view.now_ms) // 1000 + 1
            raise RotationRefused(f"the standby was published too recently; wait {left} s, or say that it is an emergency")
        publish_ahead_ms = _NO_AGE if emergency else self._policy.publish_ahead_ms
        if not await self._promote(view, standby, publish_ahead_ms, actor="operator"):
            raise RotationRefused("somebody else changed the ring at the same moment; look at it and try again")
        await self.tick()
        return standby.kid

    async def _carry_out(self, steps: Sequence[Step], view: RingView) -> bool:
        kind = steps[0].kind
        if kind is StepKind.CREATE_STANDBY:
            return await self._create_standby(view)
        if kind is StepKind.PROMOTE:
            # `due` names a standby only if there is one.
            return view.pending is not None and await self._promote(view, view.pending, self._policy.publish_ahead_ms)
        change = _Change(kind, tuple(step.kid for step in steps if step.kid is not None), view.epoch)
        if kind is StepKind.ERASE_PRIVATE:
            return await self._erase(view, change)
        if kind is StepKind.CLOSE:
            return await self._close(view, change)
        retire_after_ms = self._policy.retire_after_ms
        return await self._change(
            change, lambda tx: tx.signing_keys.retire(view.ring, epoch=view.epoch, retire_after_ms=retire_after_ms)
        )

    async def _create_standby(self, view: RingView) -> bool:
        await self._check_key_encryption_keys()
        key = await self._generate(view.alg)
        change = _Change(StepKind.CREATE_STANDBY, (key.kid,), view.epoch)
        added = await self._change(change, lambda tx: tx.signing_keys.add_standby(key, epoch=view.epoch))
        if not added:
            # Somebody else was quicker; an HSM would keep a key that no row names, and a KMS would be paid for it.
            self._to_destroy.append(key)
        return added

    async def _promote(self, view: RingView, standby: SigningKey, publish_ahead_ms: int, actor: str = "job") -> bool:
        # A standby that does not open must not become the only key that may sign.
        await self._check(standby)

        def promote(tx: Transaction) -> bool:
            return tx.signing_keys.promote(
                standby.kid, old=view.active_kid, ring=view.ring, epoch=view.epoch, publish_ahead_ms=publish_ahead_ms
            )

        return await self._change(_Change(StepKind.PROMOTE, (standby.kid,), view.epoch, actor), promote)

    async def _erase(self, view: RingView, change: _Change) -> bool:
        sign_lease_ms = self._policy.sign_lease_ms
        erased = await self._change(change, lambda tx: tx.signing_keys.erase_private(view.ring, sign_lease_ms=sign_lease_ms))
        if erased:
            self._to_destroy += [key for key in view.keys if key.kid in change.kids]
        return erased

    async def _close(self, view: RingView, change: _Change) -> bool:
        unwanted_for_ms = self._policy.publish_ahead_ms
        closed = await self._change(
            change, lambda tx: tx.signing_keys.close_ring(view.ring, epoch=view.epoch, unwanted_for_ms=unwanted_for_ms)
        )
        if closed and view.pending is not None:
            self._to_destroy.append(view.pending)
        return closed

    async def _destroy(self) -> None:
        """Let the custodians destroy what they hold of keys without a row; one that does not is asked again with the next tick."""
        while self._to_destroy:
            key = self._to_destroy.pop(0)
            try:
                await asyncio.to_thread(self._custodian_of(key).destroy, key)
            except KeyUnavailable:
                self._to_destroy.append(key)
                raise

    async def _change(self, change: _Change, apply: Callable[[Transaction], bool | list[str]]) -> bool:
        """Record the intent, then apply the change and record its outcome in one transaction; say whether it was ours."""
        await self._store.run(lambda tx: self._record(tx, change, 0, "ok"))

        def carry_out(tx: Transaction) -> bool:
            changed = bool(apply(tx))
            self._record(tx, change, 1, "ok" if changed else "superseded")
            return changed

        return await self._store.run(carry_out)

    def _record(self, tx: Transaction, change: _Change, which: int, outcome: str) -> None:
        for kid in change.kids:
            detail: dict[str, str | int | bool] = {"ring": self._ring, "kid": kid, "epoch": change.epoch}
            log.record(tx, _EVENTS[change.kind][which], outcome=outcome, actor=change.actor, detail=detail)

    async def _generate(self, alg: str) -> NewKey:
        return await asyncio.to_thread(self._custodians[self._custodian].generate, self._ring, alg)

    async def _check_key_encryption_keys(self) -> None:
        """Who cannot open an active key has the wrong key encryption keys: what he made would open nowhere else.

        Keys of another custodian say nothing about that, and one that is lost must not keep its successor from being made.
        """
        views = await self._store.read(lambda tx: tx.signing_keys.views())
        own = [view.active for view in views if view.ring == self._ring]
        active = [key for key in (*own, *(view.active for view in views)) if key is not None and key.custodian == self._custodian]
        for key in active[:1]:
            await self._check(key)

    async def _check(self, key: SigningKey) -> None:
        await asyncio.to_thread(self._custodian_of(key).load, key)

    def _custodian_of(self, key: SigningKey | NewKey) -> Custodian:
        try:
            return self._custodians[key.custodian]
        except KeyError:
            raise KeyUnavailable(f"there is no custodian called {key.custodian}") from None
