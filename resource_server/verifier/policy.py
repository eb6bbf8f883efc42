"""What this API asks of every access token."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from resource_server.verifier.profile import HOUR, RFC9068, Profile
from shared import jose

# keys.md's L and A_cap as seen by a reader of this file: twice the clock error that any machine may have, and one hour.
MAX_LEEWAY: Final = 60
MAX_LIFETIME: Final = HOUR


@dataclass(frozen=True, slots=True)
class Policy:
    """Who may issue, for whom, signed how, and how long a token may live. Times are in whole seconds.

    Raises:
        ValueError: a part is missing or outside its bounds. There is no way to say "any audience".
    """

    issuer: str
    audiences: frozenset[str]
    algorithms: frozenset[str] = frozenset({jose.RS256})
    leeway: int = MAX_LEEWAY
    max_lifetime: int = MAX_LIFETIME
    profile: Profile = RFC9068

    def __post_init__(self) -> None:
        if not self.issuer:
            raise ValueError("an issuer is needed: the exact text that `iss` must equal")
        if not self.audiences or not all(self.audiences):
            raise ValueError("an audience is needed: without one, tokens meant for other APIs would be accepted here")
        if not self.algorithms or not self.algorithms <= jose.ALGORITHMS:
            raise ValueError(f"algorithms must be one or more of {', '.join(sorted(jose.ALGORITHMS))}")
        if not 0 <= self.leeway <= MAX_LEEWAY:
            raise ValueError(f"leeway must be from 0 to {MAX_LEEWAY} seconds: a larger one keeps dead tokens alive")
        if not 0 < self.max_lifetime <= self.profile.max_lifetime:
            raise ValueError(f"max_lifetime must be from 1 to {self.profile.max_lifetime} seconds (profile {self.profile.name})")
