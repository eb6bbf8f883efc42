"""A change of keys and its two audit events: that it is about to happen, and what became of it.

The intent is committed in a transaction of its own before; the outcome in the transaction of the change itself. So an intent without
an outcome is a change that did not happen: whoever intended it died, or is still at work.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from auth_server.audit import log
from auth_server.audit.events import EventName
from auth_server.store.store import Store
from auth_server.store.transaction import Transaction

# What is recorded before, and what after.
OUTCOMES: Final[dict[EventName, EventName]] = {
    EventName.KEY_CREATION_INTENDED: EventName.KEY_CREATED,
    EventName.KEY_PROMOTION_INTENDED: EventName.KEY_PROMOTED,
    EventName.KEY_ERASURE_INTENDED: EventName.KEY_ERASED,
    EventName.KEY_RETIREMENT_INTENDED: EventName.KEY_RETIRED,
    EventName.KEY_CLOSING_INTENDED: EventName.KEY_CLOSED,
    EventName.KEY_BURN_INTENDED: EventName.KEY_BURNED,
    EventName.KEY_IMPORT_INTENDED: EventName.KEY_IMPORTED,
    EventName.KEY_RESTORE_INTENDED: EventName.KEY_RESTORED,
}


# Long enough to be seen by whoever looks after a crash, and no longer: what was not done is not going to be.
_REMEMBERED_MS: Final = 7 * 86_400_000


@dataclass(frozen=True, slots=True)
class Intent:
    """One change of one key, as of one epoch of its ring, at somebody's word (`operator`, `job`)."""

    event: EventName
    ring: str
    kid: str
    epoch: int
    actor: str
    note: str = ""

    def record(self, tx: Transaction, event: EventName, outcome: str) -> None:
        """Append one of the two events."""
        detail: dict[str, str | int | bool] = {"ring": self.ring, "kid": self.kid, "epoch": self.epoch}
        if self.note:
            detail["note"] = self.note
        log.record(tx, event, outcome=outcome, actor=self.actor, detail=detail)


@dataclass(frozen=True, slots=True)
class Unfinished:
    """An intent without an outcome. `at` is milliseconds since the epoch."""

    event: str
    kid: str
    ring: str
    epoch: int
    at: int

    def __str__(self) -> str:
        return f"{self.event} of {self.kid} in the ring {self.ring}: it did not happen, or is about to"


async def carry_out(store: Store, intents: Sequence[Intent], apply: Callable[[Transaction], object]) -> bool:
    """Record the intents, then apply the change and record its outcome in one transaction; say whether it was ours.

    Args:
        apply: its answer is false when another process came first; then nothing may have changed.

    Raises:
        StoreUnavailable: the database did not answer; what was intended did not happen, or happened whole.
    """

    def intend(tx: Transaction) -> None:
        for intent in intents:
            intent.record(tx, intent.event, "ok")

    def change(tx: Transaction) -> bool:
        changed = bool(apply(tx))
        for intent in intents:
            intent.record(tx, OUTCOMES[intent.event], "ok" if changed else "superseded")
        return changed

    await store.run(intend)
    return await store.run(change)


async def find_unfinished(store: Store) -> list[Unfinished]:
    """Return the intents of the last week that no outcome followed, oldest first.

    Raises:
        StoreUnavailable: the database did not answer.
    """
    since_ms = store.clock.now_ms() - _REMEMBERED_MS
    return unfinished(await store.read(lambda tx: tx.audit_events.of_keys(since_ms)))


def unfinished(bodies: Iterable[str]) -> list[Unfinished]:
    """Return the intents among audit events (canonical texts, oldest first) that no outcome followed."""
    outcomes = {outcome.value: intent.value for intent, outcome in OUTCOMES.items()}
    intents = {intent.value for intent in OUTCOMES}
    intended: list[Unfinished] = []
    finished: Counter[tuple[str, str, str, int]] = Counter()
    for event in map(json.loads, bodies):
        detail = event.get("detail", {})
        subject = (str(detail.get("kid")), str(detail.get("ring")), int(detail.get("epoch", 0)))
        if event["name"] in intents:
            intended.append(Unfinished(event["name"], *subject, event["at"]))
        elif event["name"] in outcomes:
            finished[(outcomes[event["name"]], *subject)] += 1
    # Replicas that intend the same change write one intent and one outcome each; the last intents are the ones left over.
    left = []
    for intent in intended:
        key = (intent.event, intent.kid, intent.ring, intent.epoch)
        if finished[key]:
            finished[key] -= 1
        else:
            left.append(intent)
    return left
