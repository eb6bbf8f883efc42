"""Which ring signs where nobody asked for one, and why a ring that was asked for does not. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from auth_server.keys.lifecycle import RotationPolicy, signs_from_ms
from auth_server.store.signing_keys import RingView


def default_alg(algorithms: Sequence[str], rings: Sequence[RingView]) -> str:
    """Return the first of the configured algorithms whose ring signs; the first one where none does yet.

    A default that was exchanged takes over when its first key may sign. One that signs already never falls back to another: APIs that
    never heard of the second algorithm would refuse its tokens.
    """
    signing = {ring.alg for ring in rings if ring.active is not None}
    return next((alg for alg in algorithms if alg in signing), algorithms[0])


def why_it_cannot_sign(alg: str, algorithms: Sequence[str], rings: Sequence[RingView], policy: RotationPolicy) -> str | None:
    """Return why nothing is signed with an algorithm, as far as the configuration and the age of its ring say; None when they do not.

    Never another algorithm instead: who asks for one does so because its resource servers take no other.
    """
    if alg not in algorithms:
        return f"this server is not configured to sign with {alg}"
    ring = next((ring for ring in rings if ring.alg == alg), None)
    starts = None if ring is None else signs_from_ms(ring, policy)
    if starts is None:
        return None
    at = datetime.fromtimestamp(starts / 1000, UTC).isoformat(timespec="seconds")
    return f"the first key for {alg} has to be known everywhere before it signs, which is from {at} on"
