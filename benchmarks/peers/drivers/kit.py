"""The kit itself, as its README says: `python -m benchmarks.peers.drivers.kit`. Understands what `python_peers.py` does."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any, Final

from benchmarks.peers.drivers.python_peers import Work, interleaved, raw_verification, serve, stall
from resource_server import Guard, TokenRefused
from resource_server.verifier.key_set import parse_key_set
from resource_server.verifier.policy import Policy
from resource_server.verifier.verify import verify

_WITHIN: Final = 0.7


class Kit:
    """One guard at a time."""

    def __init__(self) -> None:
        self._guard: Guard | None = None

    async def do(self, order: dict[str, Any]) -> dict[str, Any]:
        """Carry out one order."""
        if order["do"] == "new":
            if self._guard is not None:
                self._guard.close()
            remembered = order.get("cached_tokens", 10_000)
            self._guard = Guard(
                issuer=order["issuer"], audience=order["audience"], cached_tokens=remembered, on_event=lambda *_: None
            )
            self._policy = Policy(order["issuer"], frozenset({order["audience"]}))
            return {}
        if order["do"] == "time passed":
            self._wake()
            return {}
        if order["do"] == "many":
            outcomes = [await self._try(token) for token in order["tokens"]]
            return {"accepted": sum(outcome["accepted"] for outcome in outcomes)}
        if order["do"] == "stall":
            return await stall(lambda: self._try(order["token"]))
        if order["do"] == "time":
            return await self._time(order["tokens"])
        if order["do"] == "time keys":
            works = [self._core(document, order["tokens"]) for document in order["documents"]]
            *us, raw = await interleaved(*works, raw_verification())
            return {"us": us, "raw_us": raw}
        return await self._try(order["token"])

    async def _time(self, tokens: list[str]) -> dict[str, Any]:
        assert self._guard is not None
        guard = self._guard
        for token in tokens:
            await guard.averify(token)

        async def each(part: Sequence[str]) -> None:
            for token in part:
                guard.verify(token)

        us, raw = await interleaved((each, tokens), raw_verification())
        return {"us": us, "raw_us": raw}

    def _core(self, document: str, tokens: list[str]) -> Work:
        key_set, now = parse_key_set(document.encode(), self._policy.algorithms), int(time.time())
        presented = [token.encode() for token in tokens]

        async def each(part: Sequence[bytes]) -> None:
            for token in part:
                verify(token, key_set, self._policy, now)

        return each, presented

    async def _try(self, token: str) -> dict[str, Any]:
        assert self._guard is not None
        try:
            await self._guard.averify(token)
        except TokenRefused as refusal:
            return {"accepted": False, "why": refusal.reason}
        return {"accepted": True}

    def _wake(self) -> None:
        """Have the thread that refreshes look at the clock: the kernel's timer does not follow a clock that was shifted."""
        assert self._guard is not None
        before = self._guard.statistics()["fetches"]
        condition = next(iter(self._guard.issuers.values())).keys._condition  # noqa: SLF001  # no user needs this
        with condition:
            condition.notify_all()
        give_up_at = time.perf_counter() + _WITHIN
        while self._guard.statistics()["fetches"] == before and time.perf_counter() < give_up_at:
            time.sleep(0.01)


if __name__ == "__main__":
    asyncio.run(serve(Kit().do, version("sealwright")))
