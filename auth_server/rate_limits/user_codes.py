"""Limits of user codes: how many wrong ones may be typed, and how many devices may begin (RFC 8628 section 5.1).

Five tries from one address and five in one session, then one more every two minutes. With ten minutes of life and 20^8 codes, whoever
uses all of them meets one of a thousand waiting devices with a chance below 2^-20.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final, Protocol

from auth_server.rate_limits.addresses import single_address
from auth_server.store.transaction import Transaction
from auth_server.web.request_facts import RequestFacts

TRIES: Final = 5
_TRY_INTERVAL_MS: Final = 120_000
_BEGINNINGS: Final = 30
_BEGINNING_INTERVAL_MS: Final = 2_000


class Keys(Protocol):
    """Who makes the counters' keys: nothing that somebody typed, and no address, is kept as it is."""

    def key_of(self, kind: str, value: str) -> bytes:
        """Return the key of a counter.

        Raises:
            KeyUnavailable: the server's secret is not unsealed.
        """


@dataclass(frozen=True, slots=True)
class Tries:
    """What one try was charged; `retry_after` (seconds) when it may not go on."""

    charged: tuple[bytes, ...] = field(repr=False, default=())
    retry_after: int | None = None


class UserCodeLimits:
    """Counts tries in the caller's transaction, which must commit whatever comes of them."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    def take(self, tx: Transaction, facts: RequestFacts, sid: str) -> Tries:
        """Count a try, before the code is looked at."""
        counters = (self._keys.key_of("user_code_session", sid), self._keys.key_of("user_code_address", _address(facts)))
        charged: list[bytes] = []
        # In one order everywhere, or two transactions wait for each other.
        for counter in sorted(counters):
            verdict = tx.attempts.charge(counter, interval_ms=_TRY_INTERVAL_MS, burst=TRIES)
            if not verdict.admitted:
                self._give_back(tx, charged)
                return Tries(retry_after=math.ceil(verdict.wait_ms / 1000))
            charged.append(counter)
        return Tries(tuple(charged))

    def give_back(self, tx: Transaction, tries: Tries) -> None:
        """The code was right: it was no try."""
        self._give_back(tx, tries.charged)

    def begin(self, tx: Transaction, facts: RequestFacts) -> int | None:
        """Count a device that begins; return after how many seconds it may, or None for now."""
        counter = self._keys.key_of("device_begins", _address(facts))
        verdict = tx.attempts.charge(counter, interval_ms=_BEGINNING_INTERVAL_MS, burst=_BEGINNINGS)
        return None if verdict.admitted else math.ceil(verdict.wait_ms / 1000)

    def _give_back(self, tx: Transaction, charged: tuple[bytes, ...] | list[bytes]) -> None:
        for counter in charged:
            tx.attempts.give_back_charge(counter, interval_ms=_TRY_INTERVAL_MS)


def _address(facts: RequestFacts) -> str:
    return single_address(facts.address)
