"""The guard of one API: one class, a synchronous and an asynchronous driver over the same pure verification.

It finds the issuer of a token and asks that one to judge it (`trusted_issuer.py`); what belongs to one issuer is kept there.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Final

from resource_server.arguments import document_paths, encryption_keys_address, metadata_address
from resource_server.challenge import Answer, answer, document_answer
from resource_server.cookies import CookieTransport
from resource_server.decryption import DecryptionKeys
from resource_server.events import log_event
from resource_server.frameworks import Frameworks
from resource_server.issuer import Issuer, named_issuers
from resource_server.jwks.clock import boot_seconds
from resource_server.jwks.fetcher import TOTAL_SECONDS
from resource_server.jwks.source import Tell
from resource_server.metadata import protected_resource_metadata
from resource_server.options import Options, names_of
from resource_server.presented import compact_of
from resource_server.principal import Principal, principal_of
from resource_server.readiness import Readiness
from resource_server.revocations import SilentFeed
from resource_server.sought import Sought
from resource_server.trusted_issuer import TrustedIssuer
from resource_server.trusted_issuers import TrustedIssuers
from resource_server.verifier.errors import TokenRefused, UnknownKey
from resource_server.verifier.policy import MAX_LEEWAY, Policy
from resource_server.verifier.scopes import Requirement
from shared import jose, well_known

_CACHED_TOKENS: Final = 10_000
# A copy of a hash object that has seen nothing yet costs less than a new one, which the library looks up by its name.
_new_sha256: Final = sha256().copy


class Guard(Frameworks):
    """Verifies access tokens for one API, offline. Thread-safe; construction makes no I/O.

    Args:
        issuer: what `iss` must equal, character by character; https, or http on loopback. Or several issuers, each judged by its own
            keys alone: texts, or `Issuer`s where one differs from the rest.
        audience: this API's resource identifier, or several; a token must name one of them.
        algorithms: allow-list; one text is one algorithm.
        profile: how the issuer spells its tokens: `rfc9068` relaxes nothing; `keycloak`, `auth0` and `generic` each relax what
            `verifier/profile.py` and `docs/kit.md` name, and nothing else.
        leeway: seconds by which clocks may differ, at most 60.
        max_lifetime: the longest `exp - iat` that is accepted; by default, and at most, what the profile says (3600 seconds).
        metadata_url: where to fetch the issuer's metadata if its network name differs from the issuer. For one issuer.
        jwks_refresh: seconds between two refreshes of the keys.
        max_stale: seconds after which keys are no longer trusted without a word from the issuer.
        state_dir: folder for the last good keys, so that a restart needs no issuer.
        tls_context: for a private certificate authority.
        cached_tokens: how many verified tokens are remembered, in equal shares for each issuer; 0 for none.
        on_event: takes (level, event, fields) instead of the logger `resource_server`.
        insecure_http: allow plain http to hosts that are not loopback. Only for a network that nobody else is on.
        decryption: opens encrypted tokens; its public key is served at `/.well-known/jwks.json` and named in the metadata.
        cookie_origins: take the access token from a cookie too, and let pages of these origins alone change something with it.
        follow_feed: follow the revocation feed of issuers that have one.
        feed_authorization: returns the `Authorization` header for a feed that is not public, such as `Basic …`; asked before each question.
        silent_feed: what becomes of a token while nothing is heard of the issuer's revocation feed: `open` accepts it until it expires,
            `closed` answers 503. A route may ask for `closed` by itself (`requires`).
        require_snapshot: answer 503 until the whole of the feed was read once.

    Raises:
        ValueError: a part is missing or outside its bounds, with a sentence that says what would be right.
    """

    def __init__(
        self,
        *,
        issuer: str | Issuer | Collection[str | Issuer],
        audience: str | Collection[str],
        algorithms: str | Iterable[str] = (jose.RS256,),
        profile: str = "rfc9068",
        leeway: int = MAX_LEEWAY,
        max_lifetime: int | None = None,
        metadata_url: str | None = None,
        jwks_refresh: float = 240.0,
        max_stale: float = 86_400.0,
        state_dir: str | Path | None = None,
        tls_context: ssl.SSLContext | None = None,
        cached_tokens: int = _CACHED_TOKENS,
        on_event: Tell = log_event,
        insecure_http: bool = False,
        cookie_origins: Collection[str] = (),
        decryption: DecryptionKeys | None = None,
        follow_feed: bool = True,
        feed_authorization: Callable[[], str] | None = None,
        silent_feed: SilentFeed = "open",
        require_snapshot: bool = False,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = boot_seconds,
    ) -> None:
        named = named_issuers(issuer, metadata_url)
        options = Options(
            audience=names_of(audience),
            algorithms=names_of(algorithms),
            profile=profile,
            leeway=leeway,
            max_lifetime=max_lifetime,
            jwks_refresh=jwks_refresh,
            max_stale=max_stale,
            state_dir=state_dir,
            tls_context=tls_context,
            cached_tokens=cached_tokens // len(named),  # so that none can push out another's
            on_event=on_event,
            insecure_http=insecure_http,
            follow_feed=follow_feed,
            feed_authorization=feed_authorization,
            silent_feed=silent_feed,
            require_snapshot=require_snapshot,
            clock=clock,
            monotonic=monotonic,
        )
        self._issuers = TrustedIssuers([options.trust(one) for one in named], cached_tokens)
        self._only, self._tell, self._clock, self._remembers = self._issuers.only, on_event, clock, cached_tokens > 0
        self._show_itself(names_of(audience)[0], cookie_origins, decryption)

    def _show_itself(self, resource: str, cookie_origins: Collection[str], decryption: DecryptionKeys | None) -> None:
        """Settle what this API is called, what it publishes of itself, and by which ways it takes tokens."""
        self.resource, self._resource_metadata = resource, metadata_address(resource)
        self._decryption = decryption
        self.document_paths = document_paths(resource, encrypted=decryption is not None)
        self.cookies = CookieTransport(cookie_origins, self._issuers.first.policy.issuer) if cookie_origins else None

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None, *, on_event: Tell = log_event) -> Guard:
        """Return the guard that the `RESOURCE_SERVER_*` settings describe (`docs/configuration.md`); AUDIENCE must be among them.

        Args:
            environ: instead of this process's environment.

        Raises:
            SettingsError: with every fault at once.
        """
        from resource_server.settings import guard_of

        return guard_of(environ, on_event)

    # Verifying.

    def verify(self, token: str | bytes) -> Principal:
        """Return the caller that a token stands for. Blocks for at most a second, and only for an unknown key.

        Raises:
            TokenRefused: why not; nothing else, whatever `token` is.
        """
        who = self.look(token)
        return who if isinstance(who, Principal) else who.wait()

    async def averify(self, token: str | bytes) -> Principal:
        """Like `verify`, without ever blocking the event loop."""
        who = self.look(token)
        return who if isinstance(who, Principal) else await who

    def look(self, token: str | bytes) -> Principal | Sought:
        """Return the caller; or, where the token's key has to be sought first, what to await (or to `wait()` for) to get them.

        Never blocks, and makes no coroutine for nothing.

        Raises:
            TokenRefused: why not.
        """
        try:
            # What is plainly fit to be judged needs no call.
            if type(token) is bytes and self._decryption is None and len(token) <= jose.MAX_COMPACT_BYTES:
                compact = token
            elif type(token) is str and self._decryption is None and len(token) <= jose.MAX_COMPACT_BYTES and token.isascii():
                compact = token.encode()
            else:
                compact = compact_of(token, self._decryption)
            digest = b""
            if self._remembers:
                hashed = _new_sha256()
                hashed.update(compact)
                digest = hashed.digest()
            issuer = self._only or self._issuers.find(compact, digest)
            try:
                verified = issuer.judge(compact, digest)
            except UnknownKey as unknown:
                key_id = unknown.key_id
            else:
                if self._only is None:
                    self._issuers.remember(digest, issuer)
                return principal_of(verified, compact)  # the signed token is passed on, never the encrypted one
            issuer.keys.refuse(key_id)  # out of the block, so that nothing of the first refusal is kept while it waits
        except TokenRefused as refusal:
            refusal.resource_metadata = self._resource_metadata
            raise
        return Sought(self._issuers, issuer, key_id, compact, digest, self._resource_metadata)

    # Living.

    def warm(self, seconds: float = 2 * TOTAL_SECONDS) -> Readiness:
        """Load the keys, waiting up to `seconds`. Not needed: the first token does it as well."""
        self._issuers.warm(seconds)
        return self.ready()

    async def awarm(self, seconds: float = 2 * TOTAL_SECONDS) -> Readiness:
        """Like `warm`, without blocking the event loop."""
        await self._issuers.awarm(seconds)
        return self.ready()

    def start(self) -> None:
        """Begin to load the keys in the background; returns at once."""
        self._issuers.start()

    def ready(self) -> Readiness:
        """Say whether tokens can be judged now. Starts the background refresh if need be."""
        return self._issuers.ready()

    def statistics(self) -> dict[str, float]:
        """Return counters and gauges for a metrics page, of all issuers together; `issuers` has each one's own."""
        return self._issuers.statistics()

    def close(self) -> None:
        """Stop the background refresh. Known keys stay usable until they are too old."""
        self._issuers.close()

    @property
    def issuers(self) -> Mapping[str, TrustedIssuer]:
        """The issuers by name."""
        return self._issuers

    @property
    def policy(self) -> Policy:
        """What is asked of every token; with several issuers, of the first one's."""
        return self._issuers.first.policy

    def check(self, who: Principal, requirement: Requirement) -> None:
        """Refuse a caller that does not meet the requirement.

        Raises:
            TokenRefused: with status 403; or 401, where a fresher or stronger sign-in is asked for; or 503, where the issuer's
                revocation feed is silent and the requirement says `closed`.
        """
        if requirement.silent_feed is not None:
            self._issuers[who.claims["iss"]].revocations.check(who.token, requirement.silent_feed)
        requirement.check(who.token, self._clock() - self.policy.leeway if requirement.max_age is not None else 0)

    # Telling.

    def answer(self, refusal: TokenRefused) -> Answer:
        """Return the HTTP answer to a refused request, and tell the operator what the client is not told: got, expected, which setting."""
        self._tell(
            "warning" if refusal.status == 503 else "info",
            "token_refused",
            {"reason": refusal.reason, "status": refusal.status, "hint": refusal.hint},
        )
        return answer(refusal, self._resource_metadata)

    def document(self, path: str = well_known.PROTECTED_RESOURCE) -> Answer:
        """Return the HTTP answer with the document at one of `document_paths`: the metadata, or the keys to encrypt tokens to."""
        if path == well_known.JWKS and self._decryption is not None:
            return document_answer(self._decryption.public_jwks())
        return document_answer(self.metadata())

    def metadata(
        self, scopes: Iterable[str] | None = None, *, name: str | None = None, documentation: str | None = None
    ) -> dict[str, object]:
        """Return this API's own metadata document (RFC 9728); by default with every scope that was ever asked for through this guard."""
        scopes = self.asked_scopes if scopes is None else scopes
        document = protected_resource_metadata(self.resource, self._issuers, scopes, name=name, documentation=documentation)
        keys_address = None if self._decryption is None else encryption_keys_address(self.resource)
        return document if keys_address is None else {**document, "jwks_uri": keys_address}
