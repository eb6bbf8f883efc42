"""How many letters may be asked for: one a minute for each account or name, and a few at once from each place.

The first bound is silent, so that asking tells nothing about an account; the second one is told.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from auth_server.protocol.errors import ApiError
from auth_server.rate_limits.addresses import place_of
from auth_server.rate_limits.guesses import GuessLimits
from auth_server.store.transaction import Transaction
from auth_server.web.request_facts import RequestFacts

_WHOSE_MS: Final = 60_000
_PLACE_MS: Final = 60_000
_PLACE_BURST: Final = 10


@dataclass(frozen=True, slots=True)
class LetterVerdict:
    """Whether a letter may go out. `retry_after` is in seconds when too many were asked for from that place, else None."""

    may_send: bool
    retry_after: int | None


class LetterLimits:
    """Counts letters that were asked for. It borrows the keys of the counters from the limits on guesses."""

    def __init__(self, guesses: GuessLimits) -> None:
        self._guesses = guesses

    def charge(self, tx: Transaction, kind: str, whose: str, facts: RequestFacts) -> LetterVerdict:
        """Count one, in a transaction that commits whatever the verdict is.

        Args:
            kind: which letter, for a letter of one kind must not keep another one back.
            whose: `sub` of the account, or what was typed when there is none.

        Raises:
            KeyUnavailable: the server's secret is not unsealed.
        """
        place = tx.attempts.charge(
            self._guesses.key_of("letters/place", place_of(facts.address)), interval_ms=_PLACE_MS, burst=_PLACE_BURST
        )
        if not place.admitted:
            return LetterVerdict(False, math.ceil(place.wait_ms / 1000))
        theirs = tx.attempts.charge(self._guesses.key_of(f"letters/{kind}", whose), interval_ms=_WHOSE_MS, burst=1)
        return LetterVerdict(theirs.admitted, None)

    @staticmethod
    def refuse(retry_after: int | None) -> None:
        """Tell somebody who asks too often.

        Raises:
            ApiError: 429 `slow_down`.
        """
        if retry_after is not None:
            raise ApiError(429, "slow_down", "Too many letters were asked for. Try again later.", retry_after=retry_after)
