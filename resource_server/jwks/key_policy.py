"""Does this API's own timing fit what the issuer promises? The inequalities that keep rotation free of gaps.

The issuer publishes `key_policy`: how long a key is published before it signs, how long after, how old an answer of a replica may be,
how long tokens live, how far clocks may be off. From M (longest time between two refreshes here), the leeway and H follow sums
that must hold, or one day a valid token is refused although nothing is broken.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

_MEMBERS: Final = (
    "access_token_lifetime",
    "clock_error",
    "leeway",
    "jwks_max_age",
    "publish_ahead",
    "retire_after",
    "sign_lease",
    "view_lease",
)


@dataclass(frozen=True, slots=True)
class KeyPolicy:
    """What the issuer says of its keys and tokens. All in seconds."""

    access_token_lifetime: float
    clock_error: float
    leeway: float
    jwks_max_age: float
    publish_ahead: float
    retire_after: float
    sign_lease: float
    view_lease: float


@dataclass(frozen=True, slots=True)
class OwnTiming:
    """What this API does. All in seconds: M, the leeway, H, and the longest token lifetime it takes."""

    healthy_for: float
    leeway: float
    max_stale: float
    max_lifetime: float


def parse_key_policy(value: object) -> KeyPolicy | None:
    """Return the policy in a metadata document, or None where the issuer publishes none, or not all of it."""
    if not isinstance(value, Mapping):
        return None
    numbers = [value.get(name) for name in _MEMBERS]
    if not all(isinstance(n, int | float) and not isinstance(n, bool) and n >= 0 for n in numbers):
        return None
    return KeyPolicy(**{name: float(value[name]) for name in _MEMBERS})


def find_violations(policy: KeyPolicy, own: OwnTiming) -> tuple[str, ...]:
    """Return one sentence for each inequality that does not hold; nothing if all is well.

    Residence in shared caches between the issuer and here counts as zero, because the kit asks with `no-cache`.
    """
    faults = []
    if own.leeway < 2 * policy.clock_error:
        faults.append(
            f"leeway {own.leeway:g} s is less than twice the issuer's clock error ({policy.clock_error:g} s): "
            f"a fresh token may look as if it came from the future; set leeway to {2 * policy.clock_error:g} or more"
        )
    if not policy.publish_ahead > policy.view_lease + own.healthy_for:
        longest = max(0.0, (policy.publish_ahead - policy.view_lease) / 1.25)
        faults.append(
            f"a key is published {policy.publish_ahead:g} s before it signs, which is not more than the {policy.view_lease:g} s that an "
            f"answer may be old plus {own.healthy_for:g} s between two refreshes here: set jwks_refresh to less than {longest:g} s"
        )
    kept = policy.sign_lease + policy.access_token_lifetime + own.leeway + 2 * policy.clock_error
    if policy.retire_after < kept:
        faults.append(
            f"a retired key stays published {policy.retire_after:g} s, but its last token may be accepted here for {kept:g} s: "
            "lower the leeway, or have the issuer keep keys longer"
        )
    if policy.access_token_lifetime > own.max_lifetime:
        faults.append(
            f"the issuer's tokens live {policy.access_token_lifetime:g} s, more than the {own.max_lifetime:g} s accepted here: "
            "every one of them would be refused"
        )
    return tuple(faults)
