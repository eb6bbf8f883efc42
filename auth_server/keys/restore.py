"""After a restore: bring the rings of an older database in line with what was published, and let them sign again.

1. The epoch rises above the time and above every epoch that was published: resource servers ignore a lower one.
2. What was burned stays burned, also when the backup is older than the burn. The journal knows it, and so does the audit log.
3. A key signs at once when every healthy resource server holds it: first the restored active key, if the last key set that was
   published had it; else its standby, if that set had it and it was published for longer than W_pub + M. Otherwise a key is published,
   and signs when all have fetched it: the restored one while it is not known what was published, a new one when all of them were
   burned or had left the key set.
4. A key that was published last, and that the backup does not have or holds to be retired, goes on verifying for V from now: tokens under
   it may be out that are younger than the backup says.
5. A key that was withdrawn since the backup is withdrawn again, and never returns. What the journal lacks was withdrawn only if the
   journal is newer than the backup.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from auth_server.audit.events import EventName
from auth_server.keys.custodians.contract import Custodian
from auth_server.keys.intents import Intent, carry_out
from auth_server.keys.journal import Journaled
from auth_server.keys.lifecycle import RotationPolicy
from auth_server.keys.rollback import RollbackWatch
from auth_server.protocol.errors import KeyUnavailable
from auth_server.revocation.feed import Feed
from auth_server.store.key_incidents import LOST, PublicKey
from auth_server.store.signing_keys import KeyState, NewKey, RingView, SigningKey
from auth_server.store.store import Store
from auth_server.store.transaction import Transaction

# N has to be more than W_pub + R + M; this much more.
_MARGIN_MS: Final = 1_000
_BURNED_SINCE: Final = "burned before the restore"


class RestoreRefused(Exception):
    """There is nothing that could be restored, or somebody else is at it. The sentence may be shown."""


@dataclass(frozen=True, slots=True)
class RestoredRing:
    """Who signs in a ring now; `is_known` says whether every healthy resource server holds the key."""

    ring: str
    active_kid: str | None
    is_known: bool
    is_new: bool


@dataclass(frozen=True, slots=True)
class Restored:
    """What became of the restore.

    Attributes:
        journal: whether this machine knew what was published last.
        burned_again: kids that the backup held to be alive, or did not know, and that are dead.
        verifying: kids that the backup does not have, and that are published again, to verify.
        wait_seconds: until signatures are made; 0 for at once.
    """

    rings: tuple[RestoredRing, ...]
    journal: bool
    burned_again: tuple[str, ...]
    verifying: tuple[str, ...]
    wait_seconds: float


@dataclass(frozen=True, slots=True)
class _Choice:
    """Which key of a ring is to sign, and the key itself when it had to be made."""

    view: RingView
    kid: str | None
    is_known: bool
    made: NewKey | None = None

    @property
    def told(self) -> RestoredRing:
        return RestoredRing(self.view.ring, self.kid, self.is_known, self.made is not None)


@dataclass(frozen=True, slots=True)
class _Found:
    """What the restored database holds, and what is known beside it."""

    views: Sequence[RingView]
    every: Mapping[str, SigningKey]
    dead: frozenset[str]
    last: Journaled | None

    def was_published(self, kid: str) -> bool:
        return self.last is not None and kid in self.last.keys

    def has_left(self, kid: str) -> bool:
        if self.last is None or kid in self.last.keys:
            return False
        return self.last.epoch > max(view.epoch for view in self.views)


class Restore:
    """Finishes a restore; may be run again, and does no harm to a database that was never restored."""

    def __init__(
        self,
        *,
        store: Store,
        custodians: Mapping[str, Custodian],
        policy: RotationPolicy,
        watch: RollbackWatch,
        custodian: str = "local",
    ) -> None:
        self._store = store
        self._custodians = custodians
        self._policy = policy
        self._watch = watch
        self._custodian = custodian
        self._feed = Feed(policy.timings)

    async def finish(self, *, accept_unknown_key: bool = False, actor: str = "operator") -> Restored:
        """Settle everything in one transaction, and end the halt.

        Args:
            accept_unknown_key: sign at once with a key that resource servers may not hold; they answer 503 until they fetched it.

        Raises:
            RestoreRefused: there is no ring, or it changed at the same moment.
            KeyUnavailable: keys are left that may sign, and none of them opens: the key encryption keys are not theirs.
            StoreUnavailable: the database did not answer.
        """
        found = await self._find()
        choices = [await self._choose(view, found) for view in found.views]
        is_certain = all(choice.is_known or choice.kid is None for choice in choices)
        wait_ms = 0 if is_certain or accept_unknown_key else self._unknown_ms()
        burned = sorted(kid for kid in found.dead if not _is_dead(found.every.get(kid)))
        lost = [] if found.last is None else sorted(found.last.keys.keys() - found.every.keys() - found.dead)

        def settle(tx: Transaction) -> bool:
            for choice in choices:
                self._resume(tx, choice, found)
            for kid in burned:
                tx.key_incidents.entomb(_public(kid, found, _BURNED_SINCE))
                self._feed.revoke_key(tx, kid)
            for kid in () if found.last is None else sorted(found.last.keys.keys() - found.dead):
                tx.key_incidents.verify_on(_public(kid, found, LOST), for_ms=self._policy.retire_after_ms)
            tx.key_incidents.resume(wait_ms=wait_ms)
            return True

        await carry_out(self._store, [_intent(choice, actor) for choice in choices], settle)
        told = tuple(choice.told for choice in choices)
        return Restored(told, found.last is not None, tuple(burned), tuple(lost), wait_ms / 1000)

    def _resume(self, tx: Transaction, choice: _Choice, found: _Found) -> None:
        view, keys = choice.view, tx.key_incidents
        above = 0 if found.last is None else found.last.epoch
        if not keys.resume_ring(view.ring, epoch=view.epoch, above=above, active=choice.kid, made=choice.made):
            raise RestoreRefused("somebody else changed the ring at the same moment; look at it and try again")
        for key in view.keys:
            if found.has_left(key.kid):
                keys.withdraw(key.kid)
            elif not found.was_published(key.kid) and (key.kid == choice.kid or key.state is KeyState.PENDING):
                keys.republish(key.kid)

    async def _find(self) -> _Found:
        last = await self._watch.last_published()

        def look(tx: Transaction) -> tuple[list[RingView], list[SigningKey], list[str]]:
            return tx.signing_keys.views(), tx.signing_keys.every(), tx.audit_events.of_keys()

        views, every, events = await self._store.read(look)
        if not views:
            raise RestoreRefused("there are no keys here: run auth-server init")
        dead = _burned_by(events) | (frozenset() if last is None else last.revoked)
        return _Found(views, {key.kid: key for key in every}, dead, last)

    async def _choose(self, view: RingView, found: _Found) -> _Choice:
        if view.active is None:
            return _Choice(view, None, is_known=True)
        keys = [key for key in (view.active, view.pending) if key is not None]
        left = [key for key in keys if key.kid not in found.dead and not found.has_left(key.kid)]
        # Those that everybody holds come first; among them the one that signed.
        left.sort(key=lambda key: not self._is_held(key, view, found))
        refusals = []
        for key in left:
            try:
                await self._open(key)
            except KeyUnavailable as refusal:
                refusals.append(str(refusal))
            else:
                return _Choice(view, key.kid, self._is_held(key, view, found))
        if refusals:
            raise KeyUnavailable("; ".join(refusals))
        if view.active.custodian == self._custodian:
            # Who cannot open what he sealed has the wrong key encryption keys: what he made would open nowhere else.
            await self._open(view.active)
        made = await asyncio.to_thread(self._custodian_called(self._custodian).generate, view.ring, view.alg)
        return _Choice(view, made.kid, is_known=False, made=made)

    def _is_held(self, key: SigningKey, view: RingView, found: _Found) -> bool:
        """Say whether every healthy resource server holds a key: it stood in the last key set, and signed, or was there for long."""
        is_old = key.state is KeyState.ACTIVE or key.published_at <= view.now_ms - self._unknown_ms()
        return is_old and found.was_published(key.kid)

    async def _open(self, key: SigningKey) -> None:
        await asyncio.to_thread(self._custodian_called(key.custodian).load, key)

    def _unknown_ms(self) -> int:
        timings = self._policy.timings
        return round((timings.view_lease + timings.jwks_max_age) * 1000) + _MARGIN_MS

    def _custodian_called(self, name: str) -> Custodian:
        try:
            return self._custodians[name]
        except KeyError:
            raise KeyUnavailable(f"there is no custodian called {name}") from None


def _intent(choice: _Choice, actor: str) -> Intent:
    return Intent(EventName.KEY_RESTORE_INTENDED, choice.view.ring, choice.kid or "", choice.view.epoch, actor)


def _burned_by(events: Iterable[str]) -> frozenset[str]:
    told = map(json.loads, events)
    return frozenset(
        event["detail"]["kid"] for event in told if (event["name"], event["outcome"]) == (EventName.KEY_BURNED.value, "ok")
    )


def _is_dead(key: SigningKey | None) -> bool:
    return key is not None and key.state is KeyState.COMPROMISED


def _public(kid: str, found: _Found, note: str) -> PublicKey:
    """Return a key as far as it is known: from the journal, or by its kid alone."""
    jwk = found.last.keys.get(kid, {}) if found.last is not None else {}
    alg = jwk.get("alg")
    view = next((view for view in found.views if view.alg == alg), found.views[0])
    return PublicKey(kid, view.ring, alg or view.alg, jwk, note)
