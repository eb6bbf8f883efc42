"""Negative controls: the real code with one guard taken out, the law that then breaks, and the steps that show it.

A control's steps are what Hypothesis would print, rules of the machine with their arguments: they always show the same. With every
guard in its place the same steps keep every law. Comparisons of the code are strict where the design's bounds are not, and times are
whole milliseconds: so a bound is missed by two of them where the step before it would still hold.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from auth_server.keys.keyring import Keyring
from auth_server.keys.lifecycle import RotationPolicy
from auth_server.keys.published import PublishedKeys
from auth_server.keys.restore import Restore, _Found
from auth_server.keys.rotation import Rotation
from auth_server.store.audit_events import AuditRecord
from auth_server.store.store import Store
from auth_server.store.transaction import Transaction
from resource_server.jwks.cache import KeyCache, Landing
from resource_server.verifier.key_set import KeySet
from shared.jose import ED25519
from tests.properties.key_world.databases import KeyDatabase
from tests.properties.key_world.laws import BY_POLLING_MS
from tests.properties.key_world.machine import KeyMachine, machine_on
from tests.properties.key_world.replica import Parts
from tests.properties.key_world.world import TIMINGS

_TWO_MS: Final = 0.002
# N has to be more than that.
_W_PUB_AND_M: Final = TIMINGS.view_lease + TIMINGS.jwks_max_age

Step = Callable[[KeyMachine], None]


@dataclass(frozen=True, slots=True)
class Control:
    """What is exchanged, which law breaks, and how; `replicas` and `servers` are the errors of their clocks."""

    changes: dict[str, Any]
    law: str
    steps: Sequence[Step]
    replicas: tuple[int, int, int] = (0, 0, 0)
    servers: tuple[int, int] = (0, 0)

    def play(self, home: KeyDatabase, *, guarded: bool) -> None:
        """Take the steps; after each, every law must hold.

        Raises:
            AssertionError: a law broke.
        """
        machine = machine_on(home, **({} if guarded else self.changes))()
        try:
            machine.begin(self.replicas, self.servers)
            machine.every_law_holds()
            for step in self.steps:
                step(machine)
                machine.every_law_holds()
        finally:
            machine.teardown()


def _policy(**timings: float) -> RotationPolicy:
    return RotationPolicy(replace(TIMINGS, **timings), rotation_period=100)


class SignsForEver(Keyring):
    """Asks nobody how old its view is before it signs."""

    def _usable_key(self, alg: str | None) -> Any:
        view = self._view
        return (view and view.active.get(alg or ED25519)) or super()._usable_key(alg)


class DatesViewsByTheirAnswer(Keyring):
    """Holds a view to be as old as its answer, however long that was on its way."""

    async def refresh(self) -> None:
        await super().refresh()
        if self._view is not None:
            self._view = replace(self._view, asked_at=self._clock.monotonic())


class PublishesWhatItOpens(Keyring):
    """Leaves out of the key set what it could not sign with."""

    def published(self) -> PublishedKeys:
        whole = super().published()
        kids = whole.kids & self._signers.keys()
        return whole if kids == whole.kids else replace(whole, body=b"less", kids=frozenset(kids))


class ErasesNothing(Rotation):
    """Keeps the private halves of retired keys."""

    async def _erase(self, *_: object) -> bool:
        return False


class CannotWait(Rotation):
    """Lets a standby sign as soon as it is there, whatever N is."""

    def __init__(self, *, policy: RotationPolicy, **rest: Any) -> None:
        super().__init__(policy=RotationPolicy(replace(policy.timings, publish_ahead=0), policy.rotation_period), **rest)


class TellsNobody(Rotation):
    """Changes keys without a word before."""

    def __init__(self, *, store: Store, **rest: Any) -> None:
        silent: Any = _Silent(store)
        super().__init__(store=silent, **rest)


class _Silent:
    """A store in which nobody can say what he intends."""

    def __init__(self, store: Store) -> None:
        self.read, self._run = store.read, store.run

    async def run(self, work: Callable[[Transaction], Any]) -> Any:
        return await self._run(lambda tx: work(_without_intents(tx)))


def _without_intents(tx: Transaction) -> Transaction:
    record = tx.record

    def record_outcomes(event: AuditRecord) -> None:
        if not event.name.endswith("_intended"):
            record(event)

    silent: Any = tx
    silent.record = record_outcomes
    return tx


class Merges(KeyCache):
    """Adds what is new to what it has, and forgets what was revoked."""

    def _adopt(self, key_set: KeySet, fetched_at: float) -> Landing:
        return super()._adopt(KeySet({**self.view.key_set.keys, **key_set.keys}, epoch=key_set.epoch), fetched_at)


class TakesOlderSets(KeyCache):
    """Believes whoever answered last."""

    def _is_older(self, key_set: KeySet) -> bool:
        return False


class ForgetsBurns(Restore):
    """Believes the backup."""

    async def _find(self) -> Any:
        return replace(await super()._find(), dead=frozenset())


class NothingLeft(_Found):
    """Holds what the journal lacks to be unknown, not gone."""

    def has_left(self, kid: str) -> bool:
        return False


class BringsBack(Restore):
    """Lets the restored keys sign, whether or not they had left the key set."""

    async def _find(self) -> Any:
        found = await super()._find()
        return NothingLeft(found.views, found.every, found.dead, found.last)


@dataclass(frozen=True, slots=True)
class _Rule:
    """A rule of the machine; called with its arguments, it is a step."""

    name: str
    fixed: dict[str, Any] = field(default_factory=dict)

    def __call__(self, *arguments: Any) -> Step:
        return lambda machine: getattr(machine, self.name)(*arguments, **self.fixed)


tick, read_view, sign, fetch = _Rule("tick"), _Rule("read_view"), _Rule("sign", {"waits": 0}), _Rule("fetch")
advance, rotate_now, clock_step = _Rule("advance_time"), _Rule("rotate_now"), _Rule("clock_step")
burn_active = _Rule("compromise", {"number": 0, "planned": False, "passes": None})
back_up, finish_restore = _Rule("back_up"), _Rule("finish_restore")
pause, resume, deploy_with_the_wrong_kek = _Rule("pause"), _Rule("resume"), _Rule("deploy_with_the_wrong_kek")
restore = _Rule("restore", {"number": 0, "stops": True, "waits": 0, "works": None})

# Replica 0 lets the standby sign and publishes the next one; replica 1 has just looked, and does not know of it.
_UNSEEN_ROTATION: Final = (advance(100), read_view(1), tick(0))

CONTROLS: Final[dict[str, Control]] = {
    "N one tick short": Control(
        {"policy": _policy(publish_ahead=_W_PUB_AND_M - _TWO_MS)},
        "K1",
        # Replica 1 serves its view for W_pub, a resource server keeps the answer for M: only then does it see the new standby.
        (*_UNSEEN_ROTATION, advance(30), fetch(0, 1), advance(29.999), rotate_now(0)),
    ),
    "V one tick short": Control(
        {"policy": _policy(retire_after=TIMINGS.retire_after - _TWO_MS)},
        "K1",
        # Replica 1 signs at the end of its lease with a clock that is ahead; the clock of the resource server is behind.
        (*_UNSEEN_ROTATION, advance(20), sign(1), advance(79.999), tick(0), fetch(0, 0), advance(_TWO_MS), tick(0), fetch(0, 0)),
        replicas=(0, 5, 0),
        servers=(-5, 0),
    ),
    "L less than 2 eps": Control(
        {"policy": _policy(leeway=2 * TIMINGS.clock_error - 1)}, "K1", (sign(0),), replicas=(5, 0, 0), servers=(-5, 0)
    ),
    "X one tick tighter": Control(
        {"by_polling_ms": BY_POLLING_MS - 2},
        "K2",
        # Replica 1 does not know of the burn and serves its view for W_pub; a resource server keeps the answer for M.
        (sign(0), burn_active(0), advance(30), fetch(0, 1), advance(29.999), advance(_TWO_MS), fetch(0, 0)),
        replicas=(5, 0, 0),
    ),
    "sets are merged": Control({"cache": Merges}, "K2", (sign(0), burn_active(0), tick(0), fetch(0, 0))),
    "no pre-publication": Control(
        {"policy": _policy(publish_ahead=0)}, "K1", (*_UNSEEN_ROTATION, fetch(0, 1), advance(0.001), rotate_now(0))
    ),
    "a standby that cannot wait": Control({"parts": Parts(rotation=CannotWait)}, "K4", (advance(1), rotate_now(0))),
    "withdrawn at once": Control(
        {"policy": _policy(retire_after=0)},
        "K1",
        (advance(100), read_view(0), sign(0), tick(0), advance(0.001), tick(0), fetch(0, 0)),
    ),
    "no signing lease": Control(
        {"parts": Parts(keyring=SignsForEver)}, "K1", (*_UNSEEN_ROTATION, advance(100.001), tick(0), fetch(0, 0), sign(1))
    ),
    # K9: the process sleeps between the answer of its database and what it makes of it.
    "a view that is as young as its answer": Control(
        {"parts": Parts(keyring=DatesViewsByTheirAnswer)},
        "K1",
        (
            *(advance(100), pause(1, 1, "read_view"), tick(0), advance(100.001), tick(0), fetch(0, 0)),
            *(resume(1), sign(1)),
        ),
    ),
    "rotated more often than V lasts": Control(
        {"policy": RotationPolicy(TIMINGS, rotation_period=61)}, "K3", (advance(61), tick(0)) * 2
    ),
    "keys that do not open are withheld": Control(
        {"parts": Parts(keyring=PublishesWhatItOpens)}, "K11", (deploy_with_the_wrong_kek(1),)
    ),
    "no look at the clock": Control({"parts": Parts(keyring=SignsForEver)}, "R4", (clock_step(0, 0, 6), sign(0))),
    "no erasure": Control({"parts": Parts(rotation=ErasesNothing)}, "K5", (*_UNSEEN_ROTATION, advance(20.001), tick(0))),
    "no intent": Control({"parts": Parts(rotation=TellsNobody)}, "K10", (tick(0),)),
    "an older set replaces a newer one": Control({"cache": TakesOlderSets}, "K7", (*_UNSEEN_ROTATION, fetch(0, 0), fetch(0, 1))),
    "a restore that forgets burns": Control(
        {"parts": Parts(restore=ForgetsBurns)}, "K8", (back_up(), burn_active(0), tick(0), restore(), finish_restore(0))
    ),
    "a restore that brings keys back": Control(
        {"parts": Parts(restore=BringsBack)},
        "K6",
        (back_up(), *(advance(100.001), tick(0)) * 4, restore(), finish_restore(0)),
    ),
}
