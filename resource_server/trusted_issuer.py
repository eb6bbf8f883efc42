"""One issuer at work: its policy, its keys, and those of its tokens that were verified a moment ago.

A guard has one of these for each issuer and they share nothing: a `kid` is looked up among the keys of the token's own issuer alone, a
remembered token is remembered for that issuer alone, and an issuer that is down takes nobody else along. Whatever else belongs to one
issuer (what it has revoked, say) is asked in `judge`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

from resource_server.jwks.clock_distance import ClockDistance
from resource_server.jwks.key_policy import OwnTiming, find_violations
from resource_server.jwks.source import KeySource
from resource_server.revocations import Revocations
from resource_server.verified_tokens import VerifiedTokens
from resource_server.verifier.errors import UnknownKey
from resource_server.verifier.policy import Policy
from resource_server.verifier.token import VerifiedToken
from resource_server.verifier.verify import find_key_id, verify

_LOOK_SECONDS: Final = 0.01


class TrustedIssuer:
    """Judges the tokens of one issuer. Thread-safe.

    Args:
        cached_tokens: how many verified tokens are remembered; 0 for none.
        clock_distance: how far the issuer's clock is ahead, as last seen.
        revocations: what this issuer has revoked.
        follow_feed: whether to ask it.
        clock: seconds since the epoch.
        monotonic: the clock on which the age of keys is counted.
    """

    def __init__(
        self,
        policy: Policy,
        keys: KeySource,
        timing: OwnTiming,
        *,
        cached_tokens: int,
        clock_distance: ClockDistance,
        revocations: Revocations,
        follow_feed: bool = True,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
    ) -> None:
        self.policy: Final = policy
        self.keys: Final = keys
        self.revocations: Final = revocations
        keys.on_feed = revocations.follow if follow_feed else lambda _: revocations.follow(None)
        self._timing, self._clock_distance = timing, clock_distance
        self._verified = VerifiedTokens(cached_tokens, policy.leeway)
        self._clock, self._monotonic = clock, monotonic

    def judge(self, compact: bytes, digest: bytes) -> VerifiedToken:
        """Return the verified token that `compact` is. Never waits.

        Args:
            digest: SHA-256 of `compact`; empty where nothing is remembered.

        Raises:
            UnknownKey: no key at hand can settle it; ask `keys` to look for it, and judge once more.
            TokenRefused: why not.
        """
        keys, now = self.keys, self._clock()
        view = keys.view
        if self._monotonic() >= view.degraded_from and not self._attend():
            # Not even a known key may be used now; what no key could make good is refused all the same.
            raise UnknownKey("no usable key set", find_key_id(compact, self.policy))
        # The young ones are looked at here, without a call: nearly every request ends with them.
        memory, leeway = self._verified, self.policy.leeway
        verified = memory.young.get(digest) if digest and memory.keys_generation == view.generation else None
        if verified is None or not verified.valid_from - leeway <= now < verified.expires_at + leeway:
            verified = memory.find(digest, view.generation, now) if digest else None
            if verified is None:
                verified = verify(compact, view.key_set, self.policy, int(now))
                if digest:
                    memory.add(digest, verified, view.generation)
        # Behind the cache of verified tokens, which knows what a token says and never whether it still stands.
        if verified.cleared is not self.revocations.clearance:
            self.revocations.check(verified)
        return verified

    def start(self) -> None:
        """Begin to load the keys, and what was revoked, in the background."""
        self.revocations.start()
        self.keys.start()

    def warm(self, seconds: float) -> None:
        """Load both, waiting up to `seconds`."""
        deadline = time.monotonic() + seconds
        self.start()
        self.keys.warm(seconds)
        while not self.revocations.is_warm and time.monotonic() < deadline:
            time.sleep(_LOOK_SECONDS)

    async def awarm(self, seconds: float) -> None:
        """Like `warm`, without blocking the event loop."""
        deadline = time.monotonic() + seconds
        self.start()
        await self.keys.awarm(seconds)
        while not self.revocations.is_warm and time.monotonic() < deadline:  # noqa: ASYNC110 - a thread tells, not the loop
            await asyncio.sleep(_LOOK_SECONDS)

    def close(self) -> None:
        """Stop all background work."""
        self.revocations.close()
        self.keys.close()

    def latest_expiry(self) -> int:
        """Return when the last token that was issued until now has expired here, seconds since the epoch."""
        return int(self._clock()) + self.policy.max_lifetime + 2 * self.policy.leeway

    def _attend(self) -> bool:
        self.revocations.start()
        return self.keys.attend()

    @property
    def outage(self) -> str | None:
        """Why tokens of this issuer cannot be judged now; None if they can."""
        if self.keys.is_usable:
            return self.revocations.outage
        return f"no usable keys of {self.policy.issuer}: {self.keys.last_failure or 'not fetched yet'}"

    def faults(self) -> list[str]:
        """Return a sentence for each of our own settings that does not fit what this issuer promises."""
        policy = self.keys.key_policy
        return [f"key policy: {fault}" for fault in find_violations(policy, self._timing)] if policy is not None else []

    def warnings(self) -> list[str]:
        """Return what stands in nobody's way yet."""
        keys = self.keys
        warnings = [] if self.revocations.warning is None else [self.revocations.warning]
        if not keys.is_usable or not keys.is_degraded:
            return warnings
        return [
            *warnings,
            f"keys of {self.policy.issuer} are {keys.age_seconds:.0f} s old: {keys.last_failure or 'not refreshed in time'}",
        ]

    def statistics(self) -> dict[str, float]:
        """Return counters and gauges: of the keys, of the revocation feed, and how many tokens are remembered."""
        keys, feed, ahead = self.keys, self.revocations, self._clock_distance.seconds
        return {
            "fetches": keys.fetches,
            "failed_fetches": keys.failed_fetches,
            "keys": len(keys.view.key_set.keys),
            "keys_age_seconds": keys.age_seconds if keys.age_seconds is not None else float("nan"),
            "clock_ahead_seconds": ahead if ahead is not None else float("nan"),
            "degraded": float(keys.is_degraded),
            "verified_tokens": len(self._verified),
            "feed_followed": float(feed.is_followed),
            "feed_pages": feed.pages,
            "failed_feed_pages": feed.failed_pages,
            "feed_age_seconds": feed.age_seconds if feed.age_seconds is not None else float("nan"),
            "feed_silent": float(feed.is_followed and feed.is_silent),
            "revocations": len(feed.revoked),
        }
