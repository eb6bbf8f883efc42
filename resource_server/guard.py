"""The guard of one API: one class, a synchronous and an asynchronous driver over the same pure verification."""

from __future__ import annotations

import random
import ssl
import time
from collections.abc import Callable, Collection, Iterable
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final

from resource_server.arguments import check_addresses, check_timing, metadata_address
from resource_server.challenge import RefusalAnswer, answer
from resource_server.events import log_event
from resource_server.jwks.cache import HEALTHY_FACTOR, KeyCache
from resource_server.jwks.clock import boot_seconds
from resource_server.jwks.discovery import IssuerKeys
from resource_server.jwks.fetcher import TOTAL_SECONDS, fetch
from resource_server.jwks.key_policy import OwnTiming, find_violations
from resource_server.jwks.source import KeySource, Tell
from resource_server.jwks.state_file import StateFile
from resource_server.metadata import protected_resource_metadata
from resource_server.principal import Principal
from resource_server.readiness import Readiness
from resource_server.verified_tokens import VerifiedTokens
from resource_server.verifier.errors import MalformedToken, NoToken, TokenRefused, TokenTooLarge, UnknownKey
from resource_server.verifier.policy import MAX_LEEWAY, MAX_LIFETIME, Policy
from resource_server.verifier.token import VerifiedToken
from resource_server.verifier.verify import find_key_id, verify
from shared import jose

if TYPE_CHECKING:
    from resource_server.adapters.asgi import AsgiApp, MiddlewareEntry
    from resource_server.adapters.starlette import Decorator

_CACHED_TOKENS: Final = 10_000


class Guard:
    """Verifies access tokens of one issuer for one API, offline. Thread-safe; construction makes no I/O.

    Args:
        issuer: what `iss` must equal, character by character; https, or http on loopback.
        audience: this API's resource identifier, or several; a token must name one of them.
        algorithms: allow-list.
        leeway: seconds by which clocks may differ, at most 60.
        max_lifetime: the longest `exp - iat` that is accepted, at most 3600 seconds.
        metadata_url: where to fetch the issuer's metadata if its network name differs from the issuer.
        jwks_refresh: seconds between two refreshes of the keys.
        max_stale: seconds after which keys are no longer trusted without a word from the issuer.
        state_dir: folder for the last good keys, so that a restart needs no issuer.
        tls_context: for a private certificate authority.
        cached_tokens: how many verified tokens are remembered; 0 for none.
        on_event: takes (level, event, fields) instead of the logger `resource_server`.
        insecure_http: allow plain http to hosts that are not loopback. Only for a network that nobody else is on.

    Raises:
        ValueError: a part is missing or outside its bounds, with a sentence that says what would be right.
    """

    def __init__(
        self,
        *,
        issuer: str,
        audience: str | Collection[str],
        algorithms: Iterable[str] = (jose.RS256,),
        leeway: int = MAX_LEEWAY,
        max_lifetime: int = MAX_LIFETIME,
        metadata_url: str | None = None,
        jwks_refresh: float = 240.0,
        max_stale: float = 86_400.0,
        state_dir: str | Path | None = None,
        tls_context: ssl.SSLContext | None = None,
        cached_tokens: int = _CACHED_TOKENS,
        on_event: Tell = log_event,
        insecure_http: bool = False,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = boot_seconds,
    ) -> None:
        audiences = (audience,) if isinstance(audience, str) else tuple(audience)
        self.policy: Final = Policy(issuer, frozenset(audiences), frozenset(algorithms), leeway, max_lifetime)
        check_addresses(issuer, metadata_url, insecure_http=insecure_http)
        check_timing(jwks_refresh, max_stale)
        self.resource: Final = audiences[0]
        self._clock, self._monotonic, self._tell = clock, monotonic, on_event
        self._verified = VerifiedTokens(cached_tokens, leeway)
        self._resource_metadata = metadata_address(self.resource)
        self._own_timing = OwnTiming(HEALTHY_FACTOR * jwks_refresh, leeway, max_stale, max_lifetime)
        self._was_ready = False
        keys = IssuerKeys(
            issuer,
            self.policy.algorithms,
            partial(fetch, insecure_http=insecure_http, tls_context=tls_context),
            metadata_url=metadata_url,
            insecure_http=insecure_http,
        )
        self._source = KeySource(
            keys,
            KeyCache(jwks_refresh, max_stale, random.random),
            tell=on_event,
            state_file=StateFile(Path(state_dir), issuer, self.policy.algorithms) if state_dir is not None else None,
            clock=monotonic,
            wall_clock=clock,
        )

    # Verifying.

    def verify(self, token: str | bytes) -> Principal:
        """Return the caller that a token stands for. Blocks for at most a second, and only for an unknown key.

        Raises:
            TokenRefused: why not; nothing else, whatever `token` is.
        """
        try:
            compact = _as_bytes(token)
            digest = sha256(compact).digest()
            try:
                verified = self._verify(compact, digest)
            except UnknownKey as unknown:
                self._source.seek(unknown.key_id)
                verified = self._verify(compact, digest)
        except TokenRefused as refusal:
            refusal.resource_metadata = self._resource_metadata
            raise
        return Principal(verified, token if isinstance(token, str) else compact.decode("ascii"))

    async def averify(self, token: str | bytes) -> Principal:
        """Like `verify`, without ever blocking the event loop."""
        try:
            compact = _as_bytes(token)
            digest = sha256(compact).digest()
            try:
                verified = self._verify(compact, digest)
            except UnknownKey as unknown:
                await self._source.aseek(unknown.key_id)
                verified = self._verify(compact, digest)
        except TokenRefused as refusal:
            refusal.resource_metadata = self._resource_metadata
            raise
        return Principal(verified, token if isinstance(token, str) else compact.decode("ascii"))

    def _verify(self, compact: bytes, digest: bytes) -> VerifiedToken:
        view, now = self._source.view, self._clock()
        if self._monotonic() >= view.degraded_from and not self._source.attend():
            # Not even a known key may be used now; what no key could make good is refused all the same.
            raise UnknownKey("no usable key set", find_key_id(compact, self.policy))
        verified = self._verified.find(digest, view.generation, now)
        if verified is None:
            verified = verify(compact, view.key_set, self.policy, int(now))
            self._verified.add(digest, verified, view.generation)
        return verified

    # Living.

    def warm(self, seconds: float = 2 * TOTAL_SECONDS) -> Readiness:
        """Load the keys, waiting up to `seconds`. Not needed: the first token does it as well."""
        self._source.warm(seconds)
        return self.ready()

    async def awarm(self, seconds: float = 2 * TOTAL_SECONDS) -> Readiness:
        """Like `warm`, without blocking the event loop."""
        await self._source.awarm(seconds)
        return self.ready()

    def start(self) -> None:
        """Begin to load the keys in the background; returns at once."""
        self._source.start()

    def ready(self) -> Readiness:
        """Say whether tokens can be judged now. Starts the background refresh if need be."""
        source = self._source
        source.start()
        faults = find_violations(source.key_policy, self._own_timing) if source.key_policy is not None else ()
        warnings = [f"key policy: {fault}" for fault in faults]
        reasons = []
        if not source.is_usable:
            reasons.append(f"no usable keys of {self.policy.issuer}: {source.last_failure or 'not fetched yet'}")
        elif source.is_degraded:
            warnings.append(f"keys are {source.age_seconds:.0f} s old: {source.last_failure or 'not refreshed in time'}")
        if faults and not self._was_ready:
            # A wrong setting must not get past a roll-out; an issuer that changes later must not take a working API away.
            reasons, warnings = [*reasons, *warnings], []
        self._was_ready = self._was_ready or not reasons
        return Readiness(not reasons, tuple(reasons), tuple(warnings))

    def statistics(self) -> dict[str, float]:
        """Return counters and gauges for a metrics page: fetches, failed ones, keys, their age in seconds, remembered tokens."""
        source = self._source
        return {
            "fetches": source.fetches,
            "failed_fetches": source.failed_fetches,
            "keys": len(source.view.key_set.keys),
            "keys_age_seconds": source.age_seconds if source.age_seconds is not None else float("nan"),
            "degraded": float(source.is_degraded),
            "verified_tokens": len(self._verified),
        }

    def close(self) -> None:
        """Stop the background refresh. Known keys stay usable until they are too old."""
        self._source.close()

    # Telling.

    def answer(self, refusal: TokenRefused) -> RefusalAnswer:
        """Return the HTTP answer to a refused request."""
        return answer(refusal, self._resource_metadata)

    def metadata(
        self, scopes: Iterable[str] = (), *, name: str | None = None, documentation: str | None = None
    ) -> dict[str, object]:
        """Return this API's own metadata document (RFC 9728)."""
        return protected_resource_metadata(self.resource, self.policy.issuer, scopes, name=name, documentation=documentation)

    # Frameworks. Each adapter is imported when it is asked for.

    def wrap(self, app: AsgiApp, *, public: Collection[str] = ()) -> AsgiApp:
        """Return an ASGI application that lets only callers with a good token through to `app`.

        Args:
            public: exact paths that need no token.
        """
        from resource_server.adapters.asgi import GuardMiddleware

        return GuardMiddleware(app, self, public)

    def asgi(self, *, public: Collection[str] = ()) -> MiddlewareEntry:
        """Return the same as an entry of a Starlette or FastAPI `middleware` list."""
        from resource_server.adapters.asgi import middleware_entry

        return middleware_entry(self, public)

    def requires(
        self,
        *scopes: str,
        any_scope: str | Iterable[str] | None = None,
        role: str | Iterable[str] | None = None,
        any_role: str | Iterable[str] | None = None,
        permission: str | Iterable[str] | None = None,
        any_permission: str | Iterable[str] | None = None,
        person: bool = False,
    ) -> Decorator:
        """Return a decorator for Starlette endpoints: all `scopes`, `role`s and `permission`s, and one of each `any_`."""
        from resource_server.adapters.starlette import requires

        return requires(
            self,
            *scopes,
            any_scope=any_scope,
            role=role,
            any_role=any_role,
            permission=permission,
            any_permission=any_permission,
            person=person,
        )


def _as_bytes(token: str | bytes) -> bytes:
    if isinstance(token, str):
        try:
            compact = token.encode("ascii")
        except UnicodeEncodeError as error:
            raise MalformedToken("not ASCII") from error
    elif isinstance(token, bytes):
        compact = token
    else:
        raise NoToken("neither str nor bytes")
    if len(compact) > jose.MAX_COMPACT_BYTES:
        # Before the digest: a refusal must cost less than the request.
        raise TokenTooLarge(f"{len(compact)} bytes")
    return compact
