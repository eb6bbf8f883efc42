"""How soon a revocation holds, in words for people and in numbers: the one place that renders it, from the configured times."""

from __future__ import annotations

import math
from dataclasses import dataclass

from shared.key_policy import KeyPolicy
from shared.revocation import SILENT_AFTER


@dataclass(frozen=True, slots=True)
class Promise:
    """The bounds, in seconds.

    Attributes:
        connected: at an API that follows the revocation feed and hears of it.
        cut_off: at one that does not: what is left of the longest token's life there.
    """

    connected: int
    cut_off: int

    def __str__(self) -> str:
        return (
            f"holds within {self.connected} seconds at every connected API; at the latest when the token expires "
            f"({spelt(self.cut_off)}, its lifetime plus leeway) at one that is cut off"
        )

    def at_expiry(self) -> str:
        """Return the sentence for what ends no token: it runs out with them."""
        return f"holds when the token expires, {spelt(self.cut_off)} at the latest"

    def to_json(self) -> dict[str, int]:
        """Return the numbers, for `--json`."""
        return {"connected_seconds": self.connected, "cut_off_seconds": self.cut_off}


def promise(policy: KeyPolicy) -> Promise:
    """Return what may be promised of whatever ends tokens, under these times."""
    return Promise(SILENT_AFTER, math.ceil(policy.access_token_lifetime + policy.leeway))


def spelt(seconds: int) -> str:
    """Return a duration as people say it: whole minutes where it is some."""
    if seconds >= 120 and seconds % 60 == 0:
        return f"{seconds // 60} minutes"
    return "1 second" if seconds == 1 else f"{seconds} seconds"
