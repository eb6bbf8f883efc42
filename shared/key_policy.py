"""The timings of an issuer's key ring, as its metadata document states them, and the inequalities between them.

Both sides need the same arithmetic: the issuer refuses to start with timings under which a valid token could be rejected, and a
resource server holds its own refresh interval, leeway and staleness bound against what the issuer publishes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class KeyPolicy:
    """Durations in seconds; fractions are allowed, for tests and demonstrations scale them down.

    Attributes:
        access_token_lifetime: A, the longest life of any token the ring signs.
        clock_error: ε, the largest error of any machine's clock.
        leeway: L, what the issuer assumes resource servers allow on `exp`, `nbf` and `iat`.
        jwks_max_age: P, `Cache-Control: max-age` of the key set, and M, the longest time between two refreshes of a healthy
            resource server.
        publish_ahead: N, how long a key is published before its first signature.
        retire_after: V, how long a key stays published after its last promotion away.
        sign_lease: W_sign, how old a replica's view of the ring may be while it signs.
        view_lease: W_pub, how old that view may be while it publishes the key set.
    """

    access_token_lifetime: float = 600
    clock_error: float = 30
    leeway: float = 60
    jwks_max_age: float = 300
    publish_ahead: float = 86_400
    retire_after: float = 86_400
    sign_lease: float = 60
    view_lease: float = 300

    def to_metadata(self) -> dict[str, float]:
        """Return the `key_policy` member of the metadata document; whole numbers are written as such."""
        return {name: int(value) if float(value).is_integer() else value for name, value in asdict(self).items()}

    @classmethod
    def from_metadata(cls, member: object) -> KeyPolicy | None:
        """Read a `key_policy` member; None when there is none or a value is not a duration (another product's issuer)."""
        if not isinstance(member, Mapping):
            return None
        values = {name: member.get(name) for name in cls.__dataclass_fields__}
        if not all(isinstance(v, int | float) and not isinstance(v, bool) and 0 <= v < 1e10 for v in values.values()):
            return None
        return cls(**{name: float(str(value)) for name, value in values.items()})

    def issuer_faults(self, rotation_period: float) -> list[str]:
        """Return a sentence for each inequality that these timings break; empty means no valid token can be rejected.

        `rotation_period` is T_rot, how long a key signs before its successor takes over.
        """
        a, eps, lee, n, v = self.access_token_lifetime, self.clock_error, self.leeway, self.publish_ahead, self.retire_after
        faults = []
        if lee < 2 * eps:
            faults.append(f"clock_error must be at most half of the leeway of {lee:g} s, got {eps:g} s")
        # Strictly more: a refresh and the first signature may fall on the same instant in either order.
        if n <= self.view_lease + self.jwks_max_age:
            least = self.view_lease + self.jwks_max_age
            faults.append(f"key_publish_ahead must be more than key_view_lease + jwks_max_age = {least:g} s, got {n:g} s")
        least = self.sign_lease + a + lee + 2 * eps
        if v < least:
            faults.append(
                "key_retire_after must be at least key_sign_lease + access_token_lifetime + leeway + 2 x clock_error"
                f" = {least:g} s, got {v:g} s"
            )
        if rotation_period < max(n, v):
            faults.append(
                f"key_rotation_period must be at least key_publish_ahead and key_retire_after = {max(n, v):g} s, got {rotation_period:g} s"
            )
        return faults
