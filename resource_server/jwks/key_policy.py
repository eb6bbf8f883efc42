"""Does this API's own timing fit what the issuer promises? The inequalities that keep rotation free of gaps.

The issuer publishes `key_policy`: how long a key is published before it signs, how long after, how old an answer of a replica may be,
how long tokens live, how far clocks may be off. From M (longest time between two refreshes here), the leeway and H follow sums
that must hold, or one day a valid token is refused although nothing is broken.
"""

from __future__ import annotations

from dataclasses import dataclass

from shared.key_policy import KeyPolicy


@dataclass(frozen=True, slots=True)
class OwnTiming:
    """What this API does. All in seconds: M, the leeway, H, and the longest token lifetime it takes."""

    healthy_for: float
    leeway: float
    max_stale: float
    max_lifetime: float


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
    if own.max_stale < own.healthy_for:
        faults.append(
            f"max_stale {own.max_stale:g} s is less than the {own.healthy_for:g} s between two refreshes here: "
            "keys would be dropped that the issuer still stands by"
        )
    if policy.access_token_lifetime > own.max_lifetime:
        faults.append(
            f"the issuer's tokens live {policy.access_token_lifetime:g} s, more than the {own.max_lifetime:g} s accepted here: "
            "every one of them would be refused"
        )
    return tuple(faults)
