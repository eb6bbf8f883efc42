"""All issuers of one guard, and which of them a token is from."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence
from math import isnan
from typing import Final

from resource_server.readiness import Readiness
from resource_server.trusted_issuer import TrustedIssuer
from resource_server.verifier.errors import WrongIssuer
from resource_server.verifier.verify import peek_issuer

_SHOWN: Final = 5


class TrustedIssuers(Mapping[str, TrustedIssuer]):
    """The issuers by name, at least one.

    `only` is the one that there is, if there is but one: such a guard has nothing to choose, and does not look.

    Args:
        remembered_tokens: of how many tokens the issuer is remembered, so that a token that comes again is not read again to find out.
            A hint and no more: it is found by the very bytes, which name the issuer, and that issuer judges them.
    """

    def __init__(self, issuers: Sequence[TrustedIssuer], remembered_tokens: int) -> None:
        self._by_name: Final = {issuer.policy.issuer: issuer for issuer in issuers}
        self.first: Final = issuers[0]
        self.only: Final = issuers[0] if len(issuers) == 1 else None
        self._profiles = tuple(issuer.policy.profile for issuer in issuers)
        self._remembered_tokens = remembered_tokens
        self._of_token: dict[bytes, TrustedIssuer] = {}
        self._was_ready = False

    def __getitem__(self, issuer: str) -> TrustedIssuer:
        return self._by_name[issuer]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    def __len__(self) -> int:
        return len(self._by_name)

    def find(self, compact: bytes, digest: bytes) -> TrustedIssuer:
        """Return the issuer that a token says it is from. Nothing is verified yet.

        Raises:
            WrongIssuer: none of ours.
            TokenRefused: what no key could make good.
        """
        remembered = self._of_token.get(digest)
        if remembered is not None:
            return remembered
        named = peek_issuer(compact, self._profiles).text
        issuer = self._by_name.get(named)
        if issuer is None:
            ours = ", ".join(repr(name) for name in list(self._by_name)[:_SHOWN])
            raise WrongIssuer(f"got iss {named!r}, expected one of {ours} (setting: issuer)")
        return issuer

    def remember(self, digest: bytes, issuer: TrustedIssuer) -> None:
        """Note whose a verified token is; nothing that was refused is noted, so that nobody fills this with rubbish."""
        if self._remembered_tokens and digest not in self._of_token:
            if len(self._of_token) >= self._remembered_tokens:
                self._of_token = {}
            self._of_token[digest] = issuer

    # Living: all of them.

    def start(self) -> None:
        """Begin to load the keys of all issuers."""
        for issuer in self._by_name.values():
            issuer.start()

    def warm(self, seconds: float) -> None:
        """Load the keys of all issuers, waiting up to `seconds` in all."""
        deadline = time.monotonic() + seconds
        self.start()
        for issuer in self._by_name.values():
            issuer.warm(deadline - time.monotonic())

    async def awarm(self, seconds: float) -> None:
        """Like `warm`, without blocking the event loop."""
        await asyncio.gather(*(issuer.awarm(seconds) for issuer in self._by_name.values()))

    def close(self) -> None:
        """Stop all background work."""
        for issuer in self._by_name.values():
            issuer.close()

    def ready(self) -> Readiness:
        """Say whether tokens can be judged: of one issuer at least, for the outage of one must not take the others' callers away."""
        self.start()
        issuers = self._by_name.values()
        outages = [outage for issuer in issuers if (outage := issuer.outage) is not None]
        warnings = [warning for issuer in issuers for warning in issuer.warnings()]
        faults = [fault for issuer in issuers for fault in issuer.faults()]
        reasons = []
        if len(outages) == len(issuers):
            reasons, outages = outages, []
        # A wrong setting must not get past a roll-out; an issuer that changes later must not take a working API away.
        if not self._was_ready:
            reasons, faults = [*reasons, *faults], []
        self._was_ready = self._was_ready or not reasons
        return Readiness(not reasons, tuple(reasons), (*outages, *faults, *warnings))

    def statistics(self) -> dict[str, float]:
        """Return the issuers' statistics together: sums, the greatest ages, and the clock that is farthest off."""
        every = [issuer.statistics() for issuer in self._by_name.values()]
        return {
            name: _greatest([one[name] for one in every]) if name.endswith("_seconds") else sum(one[name] for one in every)
            for name in every[0]
        }


def _greatest(seconds: Sequence[float]) -> float:
    return max((each for each in seconds if not isnan(each)), key=abs, default=float("nan"))
