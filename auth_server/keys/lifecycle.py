"""The life of a signing key, as rules without a clock.

1. PENDING: published, never signs. Made at once when the standby before it was promoted, so one always exists.
2. PENDING becomes ACTIVE when it was published for longer than N and the active key is as old as the rotation period. Expiry is soft:
   an active key that is overdue goes on signing until a standby is old enough. Nothing is ever prepared and activated at once.
3. ACTIVE becomes RETIRING in the same commit: published, verifies, never signs again. Its private half is erased W_sign later, when no
   replica can hold a signing lease on it any more.
4. RETIRING becomes RETIRED after V: withdrawn from the key set, for every token under it has expired. The row stays as a tombstone.
5. COMPROMISED is reachable from every state and left by none.
6. IMPORTED_VERIFY_ONLY (the public half of a former or sister issuer) never signs and becomes RETIRED after its `not_after`.
7. No state goes backwards.
8. The very first key of an issuer signs at once. The first key of every further ring waits for N as a standby of nobody.
9. A ring that no replica has been configured for during N is closed: its ACTIVE key becomes RETIRING without a successor, its PENDING
   key, which signed nothing, RETIRED at once. Configured again, it starts like a further ring.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from auth_server.store.signing_keys import KeyState, RingView, SigningKey
from shared.key_policy import KeyPolicy

TRANSITIONS: Final[dict[KeyState, frozenset[KeyState]]] = {
    KeyState.PENDING: frozenset({KeyState.ACTIVE, KeyState.RETIRED, KeyState.COMPROMISED}),
    KeyState.ACTIVE: frozenset({KeyState.RETIRING, KeyState.COMPROMISED}),
    KeyState.RETIRING: frozenset({KeyState.RETIRED, KeyState.COMPROMISED}),
    KeyState.IMPORTED_VERIFY_ONLY: frozenset({KeyState.RETIRED, KeyState.COMPROMISED}),
    KeyState.RETIRED: frozenset({KeyState.COMPROMISED}),
    KeyState.COMPROMISED: frozenset(),
}

# States whose public half stands in the key set.
PUBLISHED: Final = frozenset({KeyState.PENDING, KeyState.ACTIVE, KeyState.RETIRING, KeyState.IMPORTED_VERIFY_ONLY})

# An active key this many rotation periods old means that nobody rotates.
OVERDUE: Final = 1.5


@dataclass(frozen=True, slots=True)
class RotationPolicy:
    """The timings of `KeyPolicy`, and T_rot, how long a key signs before its successor takes over (seconds)."""

    timings: KeyPolicy
    rotation_period: float = 30 * 86_400

    @property
    def publish_ahead_ms(self) -> int:
        """N, in milliseconds."""
        return round(self.timings.publish_ahead * 1000)

    @property
    def retire_after_ms(self) -> int:
        """V, in milliseconds."""
        return round(self.timings.retire_after * 1000)

    @property
    def sign_lease_ms(self) -> int:
        """W_sign, in milliseconds."""
        return round(self.timings.sign_lease * 1000)

    @property
    def rotation_period_ms(self) -> int:
        """T_rot, in milliseconds."""
        return round(self.rotation_period * 1000)


class StepKind(StrEnum):
    """What can be due on a ring."""

    ERASE_PRIVATE = "erase_private"
    RETIRE = "retire"
    PROMOTE = "promote"
    CREATE_STANDBY = "create_standby"
    CLOSE = "close"


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that is due; `kid` is whom it concerns, None for a standby that does not exist yet."""

    kind: StepKind
    kid: str | None = None


def may_become(before: KeyState, after: KeyState) -> bool:
    """Say whether a key may go from one state to the other."""
    return after in TRANSITIONS[before]


def due(view: RingView, now_ms: int, policy: RotationPolicy) -> list[Step]:
    """Return what is due on a ring that this process is configured for, in the order in which it should be done.

    Pure and only advice: the statements that carry it out check every guard again, on the database's time.

    Args:
        now_ms: the database's time, milliseconds since the epoch.
    """
    # What must be cleared away comes first: a standby that cannot be promoted must not keep an old private key alive.
    steps = _clearing(view, now_ms, policy)
    if view.pending is not None and _is_promotion_due(view, now_ms, policy):
        steps.append(Step(StepKind.PROMOTE, view.pending.kid))
    if view.pending is None:
        steps.append(Step(StepKind.CREATE_STANDBY))
    return steps


def due_when_unconfigured(view: RingView, now_ms: int, policy: RotationPolicy) -> list[Step]:
    """Return what is due on a ring that this process is not configured for: clearing away, and closing it when nobody else is either.

    During a deployment some replicas are configured for a ring and some are not. So only a ring that all have been silent about for
    long is closed, or it would be opened and closed in turn.
    """
    steps = _clearing(view, now_ms, policy)
    if view.wanted_at < now_ms - policy.publish_ahead_ms:
        steps += [Step(StepKind.CLOSE, key.kid) for key in (view.active, view.pending) if key is not None]
    return steps


def must_say_wanted(view: RingView, now_ms: int, policy: RotationPolicy) -> bool:
    """Say whether a replica that is configured for a ring should note that again: four times in the time that closes it."""
    return view.wanted_at < now_ms - policy.publish_ahead_ms // 4


def signs_from_ms(view: RingView, policy: RotationPolicy) -> int | None:
    """Return when a ring that does not sign yet will; None when it signs, or has no key to wait for."""
    if view.active is not None or view.pending is None:
        return None
    return view.pending.published_at + policy.publish_ahead_ms


def is_seasoned(standby: SigningKey, now_ms: int, policy: RotationPolicy) -> bool:
    """Say whether every healthy resource server has fetched this key by now: it was published for more than N."""
    # Strictly more: a refresh and the first signature may fall on the same instant in either order.
    return standby.published_at < now_ms - policy.publish_ahead_ms


def is_overdue(view: RingView, now_ms: int, policy: RotationPolicy) -> bool:
    """Say whether rotation has visibly stopped: the active key is over one and a half rotation periods old."""
    return view.active is not None and now_ms - _activated_at(view.active) > OVERDUE * policy.rotation_period_ms


def _is_promotion_due(view: RingView, now_ms: int, policy: RotationPolicy) -> bool:
    if view.pending is None or view.pending.private_ref is None or not is_seasoned(view.pending, now_ms, policy):
        return False
    return view.active is None or now_ms - _activated_at(view.active) >= policy.rotation_period_ms


def _clearing(view: RingView, now_ms: int, policy: RotationPolicy) -> list[Step]:
    erasures = [Step(StepKind.ERASE_PRIVATE, key.kid) for key in view.keys if _is_erasure_due(key, now_ms, policy)]
    return erasures + [Step(StepKind.RETIRE, key.kid) for key in view.keys if _is_retirement_due(key, now_ms, policy)]


def _is_erasure_due(key: SigningKey, now_ms: int, policy: RotationPolicy) -> bool:
    if key.state is not KeyState.RETIRING or key.private_ref is None or key.retired_at is None:
        return False
    return key.retired_at < now_ms - policy.sign_lease_ms


def _is_retirement_due(key: SigningKey, now_ms: int, policy: RotationPolicy) -> bool:
    if key.state is KeyState.RETIRING and key.retired_at is not None:
        return key.retired_at < now_ms - policy.retire_after_ms
    return key.state is KeyState.IMPORTED_VERIFY_ONLY and key.not_after is not None and key.not_after < now_ms


def _activated_at(key: SigningKey) -> int:
    return key.published_at if key.activated_at is None else key.activated_at
