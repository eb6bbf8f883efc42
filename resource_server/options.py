"""What a guard was told that holds for all of its issuers, and how one of them is set to work by it."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from resource_server.arguments import check_addresses, check_timing
from resource_server.feed_file import FeedFile
from resource_server.feed_questions import SPREAD
from resource_server.issuer import Issuer
from resource_server.jwks.cache import HEALTHY_FACTOR, KeyCache
from resource_server.jwks.clock_distance import ClockDistance
from resource_server.jwks.discovery import Fetch, IssuerKeys
from resource_server.jwks.fetcher import Answer, fetch
from resource_server.jwks.key_policy import OwnTiming
from resource_server.jwks.source import KeySource, Tell
from resource_server.jwks.state_file import StateFile
from resource_server.revocations import Revocations, SilentFeed
from resource_server.trusted_issuer import TrustedIssuer
from resource_server.verifier.policy import Policy
from resource_server.verifier.profile import find_profile


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The arguments of `Guard`, by the same names.

    Raises:
        ValueError: times under which a healthy API would drop its keys.
    """

    audience: str | Collection[str]
    algorithms: Collection[str]
    profile: str
    leeway: int
    max_lifetime: int | None
    jwks_refresh: float
    max_stale: float
    state_dir: str | Path | None
    tls_context: ssl.SSLContext | None
    cached_tokens: int
    on_event: Tell
    insecure_http: bool
    follow_feed: bool
    feed_authorization: Callable[[], str] | None
    silent_feed: SilentFeed
    require_snapshot: bool
    clock: Callable[[], float]
    monotonic: Callable[[], float]

    def __post_init__(self) -> None:
        if self.silent_feed not in ("open", "closed"):
            raise ValueError("silent_feed must be open or closed")
        if self.cached_tokens < 0:
            raise ValueError("cached_tokens must be a number from 0")
        check_timing(self.jwks_refresh, self.max_stale)

    def trust(self, issuer: Issuer) -> TrustedIssuer:
        """Return the issuer at work. Makes no I/O.

        Raises:
            ValueError: no audience, or a part outside its bounds.
        """
        policy = self._policy(issuer)
        check_addresses(issuer.issuer, issuer.metadata_url, insecure_http=self.insecure_http)
        distance = ClockDistance(partial(fetch, insecure_http=self.insecure_http, tls_context=self.tls_context), self.clock)
        keys = self._keys(policy, issuer, distance)
        return TrustedIssuer(
            policy,
            keys,
            OwnTiming(HEALTHY_FACTOR * self.jwks_refresh, policy.leeway, self.max_stale, policy.max_lifetime),
            cached_tokens=self.cached_tokens,
            clock_distance=distance,
            revocations=self._revocations(policy, keys),
            follow_feed=self.follow_feed,
            clock=self.clock,
            monotonic=self.monotonic,
        )

    def _revocations(self, policy: Policy, keys: KeySource) -> Revocations:
        return Revocations(
            policy,
            keys,
            self._fetch_page,
            tell=self.on_event,
            state_file=None if self.state_dir is None else FeedFile(Path(self.state_dir), policy.issuer),
            silent_feed=self.silent_feed,
            require_snapshot=self.require_snapshot,
            clock=self.clock,
            monotonic=self.monotonic,
        )

    def _fetch_page(self, url: str, *, total_seconds: float, max_bytes: int) -> Answer:
        return fetch(
            url,
            insecure_http=self.insecure_http,
            tls_context=self.tls_context,
            total_seconds=total_seconds,
            max_bytes=max_bytes,
            authorization=None if self.feed_authorization is None else self.feed_authorization(),
        )

    def _policy(self, issuer: Issuer) -> Policy:
        profile = find_profile(self.profile if issuer.profile is None else issuer.profile)
        return Policy(
            issuer.issuer,
            frozenset(names_of(self.audience if issuer.audience is None else issuer.audience)),
            frozenset(names_of(self.algorithms if issuer.algorithms is None else issuer.algorithms)),
            self.leeway,
            profile.max_lifetime if self.max_lifetime is None else self.max_lifetime,
            profile,
        )

    def _keys(self, policy: Policy, issuer: Issuer, ask: Fetch) -> KeySource:
        retriever = IssuerKeys(
            policy.issuer,
            policy.algorithms,
            ask,
            metadata_url=issuer.metadata_url,
            insecure_http=self.insecure_http,
        )
        return KeySource(
            retriever,
            KeyCache(self.jwks_refresh, self.max_stale, SPREAD.random),
            tell=self.on_event,
            state_file=None if self.state_dir is None else StateFile(Path(self.state_dir), policy.issuer, policy.algorithms),
            clock=self.monotonic,
            wall_clock=self.clock,
        )


def names_of(given: str | Iterable[str] | None) -> tuple[str, ...]:
    """Return the names in one text, which is one name, or in several; none for None, as from a variable that is not set."""
    return (given,) if isinstance(given, str) else tuple(given or ())
