"""Negative controls: the real code with one guard taken out, and the law that then breaks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from auth_server.keys.keyring import Keyring
from auth_server.keys.lifecycle import RotationPolicy
from auth_server.keys.rotation import Rotation
from auth_server.store.audit_events import AuditRecord
from auth_server.store.store import Store
from auth_server.store.transaction import Transaction
from resource_server.jwks.cache import KeyCache, Landing
from resource_server.verifier.key_set import KeySet
from shared.jose import ED25519
from tests.properties.key_world.replica import Parts
from tests.properties.key_world.world import TIMINGS


def _policy(**timings: float) -> RotationPolicy:
    return RotationPolicy(replace(TIMINGS, **timings), rotation_period=100)


class SignsForEver(Keyring):
    """Asks nobody how old its view is before it signs."""

    def _usable_key(self, alg: str | None) -> Any:
        view = self._view
        return (view and view.active.get(alg or ED25519)) or super()._usable_key(alg)


class ErasesNothing(Rotation):
    """Keeps the private halves of retired keys."""

    async def _erase(self, *_: object) -> bool:
        return False


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


# Rules that have nothing to do with a lease; without them it takes a third of the runs to find out that one is missing.
_QUIET: Final = dict.fromkeys(
    (
        "kill_and_deploy",
        "deploy_with_the_wrong_kek",
        "replace_the_kek",
        "rotate_in_an_emergency",
        "fetch_slowly",
        "present",
        "clock_steps",
        "clock_of_a_resource_server_steps",
        "partition_or_heal",
    )
)
CONTROLS: Final[dict[str, tuple[dict[str, Any], str]]] = {
    "no pre-publication": ({"policy": _policy(publish_ahead=0)}, "K4"),
    "withdrawn at once": ({"policy": _policy(retire_after=0)}, "K1"),
    "leeway less than twice the clock error": ({"policy": _policy(leeway=5)}, "K1"),
    "no signing lease": ({"parts": Parts(keyring=SignsForEver), **_QUIET}, "K1"),
    "no look at the clock": ({"parts": Parts(keyring=SignsForEver)}, "K1|R4"),
    "no erasure": ({"parts": Parts(rotation=ErasesNothing)}, "K5"),
    "no intent": ({"parts": Parts(rotation=TellsNobody)}, "K10"),
    "sets are merged": ({"cache": Merges, **_QUIET}, "K2"),
    "an older set replaces a newer one": ({"cache": TakesOlderSets}, "K7"),
}
