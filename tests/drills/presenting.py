"""Presents tokens to guards of this process and counts, on a clock that the drill may move."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from resource_server import Guard, TokenRefused
from resource_server.jwks.clock import boot_seconds
from tests.drills.tally import Tally

# As a client does that is told to come again; who could not decide for so long has failed its caller.
ATTEMPTS = 5


@dataclass
class MovedClock:
    """Real time, and what was added to it."""

    ahead: float = 0.0

    def wall(self) -> float:
        """Return seconds since the epoch."""
        return time.time() + self.ahead

    def monotonic(self) -> float:
        """Return seconds that never go back."""
        return boot_seconds() + self.ahead


@dataclass
class Presenting:
    """One resource server's side of a drill."""

    guard: Guard
    tally: Tally
    sleep: Callable[[float], None] = time.sleep
    told_to_come_again: int = 0
    reasons: Counter[str] = field(default_factory=Counter)

    def must_accept(self, token: str) -> None:
        """Present a valid token: it is to be accepted, if need be after a few answers that say "come again"."""
        self.tally.offered += 1
        for attempt in range(ATTEMPTS):
            try:
                self.guard.verify(token)
            except TokenRefused as refusal:
                self.reasons[refusal.reason] += 1
                if refusal.status != 503:
                    break
                self.told_to_come_again += 1
                if attempt + 1 < ATTEMPTS:
                    self.sleep(1)
                continue
            self.tally.served += 1
            return
        self.tally.wrongly_rejected += 1

    def must_refuse(self, token: str) -> None:
        """Present a token that is over, forged, or nobody's."""
        self.tally.offered += 1
        try:
            self.guard.verify(token)
        except TokenRefused as refusal:
            self.reasons[refusal.reason] += 1
            self.tally.served += 1
        else:
            self.tally.wrongly_accepted += 1

    @property
    def is_degraded(self) -> bool:
        """Say what the guard's metric says."""
        return bool(self.guard.statistics()["degraded"])


def spoil(token: str) -> str:
    """Return the token with a changed signature."""
    place = len(token) - 20
    return token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]


def wake(guard: Guard) -> None:
    """Have the threads that refresh look at the clock: the kernel's timers do not follow a clock that was moved."""
    for issuer in guard.issuers.values():
        condition = issuer.keys._condition
        with condition:
            condition.notify_all()
