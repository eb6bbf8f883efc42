"""Asks one issuer for the pages of its revocation feed; what comes back is verified, or refused whole."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final, Protocol

from resource_server.jwks.discovery import FeedAddress
from resource_server.jwks.fetcher import Answer, FetchFailed
from resource_server.jwks.source import KeySource
from resource_server.verifier.errors import TokenRefused
from resource_server.verifier.feed_page import BadPage, Page, SignedByUnknownKey, verify_page
from resource_server.verifier.policy import Policy
from resource_server.verifier.revoked import Revoked
from shared.revocation import FETCH_SECONDS, LONGEST_WAIT, MAX_PAGE_BYTES

FIRST_RETRY: Final = 0.25
LAST_RETRY: Final = 5.0
_LATE_SECONDS: Final = 3.0
# Spreads load. Not the generator that everybody shares: an application that seeds that one would find it drawn from by our threads, and
# workers that were forked from one process would all pause alike.
SPREAD: Final = random.SystemRandom()


class FetchPage(Protocol):
    """One bounded GET; `fetcher.fetch` with everything but these filled in."""

    def __call__(self, url: str, *, total_seconds: float, max_bytes: int) -> Answer: ...


class FeedQuestions:
    """One issuer's feed, as questions and answers; remembers nothing.

    Args:
        revoked: what is known to be revoked: a page signed with a burned key is no page.
        clock: seconds since the epoch.
    """

    def __init__(self, policy: Policy, keys: KeySource, fetch: FetchPage, revoked: Revoked, clock: Callable[[], float]) -> None:
        self._policy, self._keys, self._fetch = policy, keys, fetch
        self._revoked, self._clock = revoked, clock

    def ask(self, address: FeedAddress, *, waits: bool, after: int | None, key_epoch: int) -> Page:
        """Return the page behind the cursor; where `waits`, the issuer answers when there is news, or after a while.

        Args:
            after: the cursor; None asks for everything that lives.
            key_epoch: of which key set the issuer told last.

        Raises:
            FetchFailed: no answer in time.
            BadPage: no page of this issuer that is acceptable here.
        """
        url = self._url(address, waits=waits, after=after, key_epoch=key_epoch)
        # Less than the feed may be silent: a connection that died without a word leaves time for another.
        seconds = LONGEST_WAIT + _LATE_SECONDS if waits else FETCH_SECONDS
        compact = self._fetch(url, total_seconds=seconds, max_bytes=MAX_PAGE_BYTES).body or b""
        try:
            return self._verified(compact)
        except SignedByUnknownKey as unknown:
            try:
                self._keys.seek(unknown.key_id)
            except TokenRefused as refusal:
                raise BadPage(f"{unknown}: {refusal.reason}") from refusal
            return self._verified(compact)

    def _verified(self, compact: bytes) -> Page:
        policy, key_set = self._policy, self._keys.view.key_set
        return verify_page(compact, key_set, self._revoked, issuer=policy.issuer, leeway=policy.leeway, now=self._clock())

    def _url(self, address: FeedAddress, *, waits: bool, after: int | None, key_epoch: int) -> str:
        fitting = [name for name in address.algorithms if name in self._policy.algorithms]
        if not fitting:
            raise BadPage(
                f"signed with {', '.join(address.algorithms)} only, none of which is allowed here (setting: algorithms)"
            )
        asked = [] if fitting[0] == address.algorithms[0] else [f"alg={fitting[0]}"]
        if after is not None:
            asked.append(f"after={after}")
        if waits:
            asked += [f"wait={LONGEST_WAIT}", f"key_epoch={key_epoch}"]
        joint = "&" if "?" in address.url else "?"
        return address.url + (joint + "&".join(asked) if asked else "")


def pause_after(failure: Exception, failures: int) -> float:
    """Return how long to wait before asking again, seconds: longer with each failure in a row, never longer than `LAST_RETRY`."""
    delay = min(LAST_RETRY, FIRST_RETRY * 2.0 ** min(failures, 10))
    asked = failure.retry_after if isinstance(failure, FetchFailed) else None
    return max(min(asked or 0.0, LAST_RETRY), delay * SPREAD.uniform(0.5, 1.0))
