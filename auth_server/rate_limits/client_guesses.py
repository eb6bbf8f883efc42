"""The gate before the check of a client's secret.

A wrong proof is counted for that client at that address; from the tenth on each waits, twice as long as the one before it, up to a
minute, and while it waits no proof from there is looked at, also not the right one. Other addresses are not concerned: whoever knows a
client's name cannot lock it out, and a machine with an old secret slows nobody but itself.

Only failures touch the database. What a request costs that proves itself at once is a look into a dictionary that is nearly always empty.
"""

from __future__ import annotations

import math
from typing import Final, Protocol

from auth_server.audit.events import EventName
from auth_server.audit.log import record
from auth_server.protocol.errors import TooManyRequests
from auth_server.rate_limits.addresses import single_address
from auth_server.store.attempts import Slowdown
from auth_server.store.store import Store
from auth_server.store.transaction import Transaction
from auth_server.web.request_facts import RequestFacts

_SLOWDOWN: Final = Slowdown(free=10, first_ms=1_000, longest_ms=60_000, yield_ms=0)
# Names are the guesser's choice, so the failures of one address are bounded as well: they bound how many counters it can make.
_ADDRESS_BURST: Final = 200
_ADDRESS_INTERVAL_MS: Final = 1_000
_REMEMBERED: Final = 10_000
_Key = tuple[str, str]


class Keys(Protocol):
    """Who makes the counters' keys: a name that somebody sent is not kept."""

    def key_of(self, kind: str, value: str) -> bytes:
        """Return the key of a counter.

        Raises:
            KeyUnavailable: the server's secret is not unsealed.
        """


class ClientGuesses:
    """Slows down guesses at clients' secrets."""

    def __init__(self, store: Store, keys: Keys) -> None:
        self._store = store
        self._keys = keys
        # Until when (milliseconds) nothing is looked at; and 0 where a failure was counted, so that a success clears it.
        self._until: dict[_Key, int] = {}

    def check(self, client_id: str, facts: RequestFacts | None) -> None:
        """Refuse a proof that is not looked at now.

        Raises:
            TooManyRequests: wrong ones came from there.
        """
        if not self._until:
            return
        address = _address(facts)
        until = max(self._until.get((client_id, address), 0), self._until.get(("", address), 0))
        left_ms = until - self._store.clock.now_ms()
        if left_ms > 0:
            raise _slowed(left_ms)

    async def fail(self, client_id: str, facts: RequestFacts | None) -> None:
        """Count a wrong proof.

        Raises:
            TooManyRequests: it was one too many.
            StoreUnavailable, KeyUnavailable: it could not be counted.
        """
        address = _address(facts)
        key, waits_until, admitted = await self._store.run(lambda tx: self._count(tx, client_id, address, facts))
        if len(self._until) >= _REMEMBERED:
            del self._until[next(iter(self._until))]
        self._until[key] = waits_until
        if not admitted:
            raise _slowed(waits_until - self._store.clock.now_ms())

    async def succeed(self, client_id: str, facts: RequestFacts | None) -> None:
        """Forget the wrong proofs that came before the right one."""
        if not self._until:
            return
        address = _address(facts)
        if self._until.pop((client_id, address), None) is not None:
            counter = self._keys.key_of("client", f"{client_id}\0{address}")
            await self._store.run(lambda tx: tx.attempts.clear(counter))

    def _count(self, tx: Transaction, client_id: str, address: str, facts: RequestFacts | None) -> tuple[_Key, int, bool]:
        now_ms = tx.clock.now_ms()
        whole = tx.attempts.charge(
            self._keys.key_of("client_address", address), interval_ms=_ADDRESS_INTERVAL_MS, burst=_ADDRESS_BURST
        )
        if not whole.admitted:
            return ("", address), now_ms + whole.wait_ms, False
        counter = self._keys.key_of("client", f"{client_id}\0{address}")
        counted = tx.attempts.count(counter, _SLOWDOWN, origin=b"")
        if counted.refusals and counted.refusals & (counted.refusals - 1) == 0:
            # The 1st, 2nd, 4th, 8th, …: no attacker can fill the log.
            detail: dict[str, str | int | bool] = {"refusals": counted.refusals}
            record(tx, EventName.CLIENT_AUTHENTICATION_SLOWED, outcome="slowed", facts=facts, detail=detail)
        return (client_id, address), counted.blocked_until, counted.admitted


def _address(facts: RequestFacts | None) -> str:
    return "" if facts is None else single_address(facts.address)


def _slowed(milliseconds: int) -> TooManyRequests:
    return TooManyRequests("too many failed client authentications", retry_after=max(1, math.ceil(milliseconds / 1000)))
