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

        Each names the setting as it is spelt behind the issuer's prefix, says what would be legal, and what would happen otherwise.
        `rotation_period` is T_rot, how long a key signs before its successor takes over.
        """
        a, eps, lee, n, v = self.access_token_lifetime, self.clock_error, self.leeway, self.publish_ahead, self.retire_after
        faults = []
        if lee < 2 * eps:
            faults.append(
                f"CLOCK_ERROR is {eps:g} s and must be at most {lee / 2:g} s, half of the leeway of {lee:g} s that APIs allow "
                "(L >= 2 ε), or a token could seem to come from the future"
            )
        # Strictly more: a refresh and the first signature may fall on the same instant in either order.
        if n <= (least := self.view_lease + self.jwks_max_age):
            faults.append(
                f"KEY_PUBLISH_AHEAD is {n:g} s and must be more than KEY_VIEW_LEASE + JWKS_MAX_AGE = {least:g} s "
                "(N > W_pub + M), or an API could meet a key that it has not fetched"
            )
        if v < (least := self.sign_lease + a + lee + 2 * eps):
            faults.append(
                f"KEY_RETIRE_AFTER is {v:g} s and must be at least KEY_SIGN_LEASE + ACCESS_TOKEN_LIFETIME + leeway + 2 x CLOCK_ERROR "
                f"= {least:g} s (V >= W_sign + A + L + 2 ε), or a key could be withdrawn before its last token has expired"
            )
        if rotation_period < (least := max(n, v)):
            faults.append(
                f"KEY_ROTATION_PERIOD is {rotation_period:g} s and must be at least {least:g} s, the longer one of KEY_PUBLISH_AHEAD and "
                "KEY_RETIRE_AFTER (T_rot >= max(N, V)), or keys would pile up"
            )
        return faults
