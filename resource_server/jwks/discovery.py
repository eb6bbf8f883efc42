"""From the issuer to its keys: metadata document, `jwks_uri`, key set (OpenID Connect Discovery 1.0 section 4, RFC 8414 section 3)."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol
from urllib.parse import urlsplit, urlunsplit

from resource_server.jwks.fetcher import Answer, FetchFailed, check_url
from resource_server.verifier import strict_json
from resource_server.verifier.key_set import KeySet, parse_key_set
from shared import jose, revocation, well_known
from shared.key_policy import KeyPolicy

# The address of the keys is asked for again at this age, and after any failure, so that an issuer may move them.
_METADATA_SECONDS: Final = 3600.0
_NOT_FOUND: Final = 404


class Fetch(Protocol):
    """One bounded GET; `fetcher.fetch` with everything but the address and the validator filled in."""

    def __call__(self, url: str, *, etag: str | None = None) -> Answer: ...


@dataclass(frozen=True, slots=True)
class FeedAddress:
    """Where the issuer says what it has revoked, and with which algorithms it can sign that, the one it prefers first."""

    url: str
    algorithms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Metadata:
    """What this side needs of the issuer's metadata."""

    jwks_uri: str
    key_policy: KeyPolicy | None
    feed: FeedAddress | None = None


@dataclass(frozen=True, slots=True)
class Retrieved:
    """A good answer of the issuer: its key set, or None if the one at hand is still the newest."""

    key_set: KeySet | None
    key_policy: KeyPolicy | None
    feed: FeedAddress | None = None


class Retriever(Protocol):
    """What asks the issuer: `IssuerKeys`, or a stand-in."""

    def retrieve(self) -> Retrieved: ...

    def forget(self) -> None: ...


class IssuerKeys:
    """Retrieves the key set of one issuer. For one thread: it remembers the address and the validator between calls.

    Args:
        metadata_url: where to fetch the metadata if not at the issuer: the document itself, or the origin it is under. Every URL that
            the metadata names on the issuer's own origin is then fetched from this origin too.
    """

    def __init__(
        self,
        issuer: str,
        algorithms: frozenset[str],
        fetch: Fetch,
        *,
        metadata_url: str | None = None,
        insecure_http: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._issuer, self._algorithms, self._fetch, self._clock = issuer, algorithms, fetch, clock
        self._metadata_url, self._insecure_http = metadata_url, insecure_http
        self._metadata: Metadata | None = None
        self._asked_at = 0.0
        self._etag: str | None = None

    def retrieve(self) -> Retrieved:
        """Ask the issuer.

        Raises:
            FetchFailed: no good answer; the next call starts from the metadata again.
        """
        metadata = self._current_metadata()
        try:
            answer = self._fetch(metadata.jwks_uri, etag=self._etag)
            if answer.body is None:
                return Retrieved(None, metadata.key_policy, metadata.feed)
            key_set = parse_key_set(answer.body, self._algorithms)
        except FetchFailed as error:
            self.forget()
            raise FetchFailed(f"key set at {metadata.jwks_uri}: {error.cause}", error.retry_after) from error
        except ValueError as error:
            self.forget()
            raise FetchFailed(f"key set at {metadata.jwks_uri}: {error}") from error
        self._etag = answer.etag
        return Retrieved(key_set, metadata.key_policy, metadata.feed)

    def forget(self) -> None:
        """Ask for everything anew next time: an answer was not taken, so "not modified" would mean nothing."""
        self._etag = None
        self._asked_at = -_METADATA_SECONDS

    def _current_metadata(self) -> Metadata:
        now = self._clock()
        if self._metadata is not None and now - self._asked_at < _METADATA_SECONDS:
            return self._metadata
        try:
            metadata = self._ask()
        except FetchFailed:
            # The keys may still be where they were: losing the metadata alone is no reason to lose them too.
            if self._metadata is None:
                raise
            return self._metadata
        if self._metadata is None or metadata.jwks_uri != self._metadata.jwks_uri:
            self._etag = None  # a validator means nothing at another address
        self._metadata, self._asked_at = metadata, now
        return metadata

    def _ask(self) -> Metadata:
        addresses = metadata_addresses(self._issuer, self._metadata_url)
        for position, address in enumerate(addresses):
            try:
                body = self._fetch(address).body or b""
                return parse_metadata(body, self._issuer, self._metadata_url, insecure_http=self._insecure_http)
            except FetchFailed as error:
                if error.status == _NOT_FOUND and position + 1 < len(addresses):
                    continue
                raise FetchFailed(f"metadata at {address}: {error.cause}", error.retry_after) from error
            except ValueError as error:
                raise FetchFailed(f"metadata at {address}: {error}") from error
        raise FetchFailed("no metadata address")


def metadata_addresses(issuer: str, metadata_url: str | None = None) -> tuple[str, ...]:
    """Return where an issuer's metadata may be, in the order in which they are tried."""
    base = metadata_url or issuer
    if "/.well-known/" in base:
        return (base,)
    return (well_known.openid_configuration_url(base), well_known.authorization_server_url(base))


def parse_metadata(body: bytes, issuer: str, metadata_url: str | None = None, *, insecure_http: bool = False) -> Metadata:
    """Return what the issuer's metadata says about its keys.

    Raises:
        ValueError: not a metadata document, one of another issuer, or one whose `jwks_uri` or feed may not be fetched.

    Source: RFC 8414 sections 2 and 3.3, OpenID Connect Discovery 1.0 section 4.3.
    """
    document: Mapping[str, object] = strict_json.parse_object_with_space(body)
    named = document.get("issuer")
    if named != issuer:
        # Otherwise whoever controls any one metadata document could speak for our issuer (mix-up).
        raise ValueError(f"the document's issuer is {named!r}, expected exactly {issuer!r} (setting: issuer)")
    jwks_uri = document.get("jwks_uri")
    if not isinstance(jwks_uri, str):
        raise ValueError("no `jwks_uri`")
    if metadata_url is not None:
        jwks_uri = _moved(jwks_uri, issuer, metadata_url)
    check_url(jwks_uri, insecure_http=insecure_http)
    feed = _find_feed(document, issuer, metadata_url, insecure_http=insecure_http)
    return Metadata(jwks_uri, KeyPolicy.from_metadata(document.get("key_policy")), feed)


def _find_feed(
    document: Mapping[str, object], issuer: str, metadata_url: str | None, *, insecure_http: bool
) -> FeedAddress | None:
    url, algorithms = document.get(revocation.ENDPOINT_MEMBER), document.get(revocation.ALGORITHMS_MEMBER, (jose.RS256,))
    if not isinstance(url, str) or not isinstance(algorithms, tuple):
        return None
    if metadata_url is not None:
        url = _moved(url, issuer, metadata_url)
    check_url(url, insecure_http=insecure_http)
    return FeedAddress(url, tuple(str(name) for name in algorithms))


def _moved(url: str, issuer: str, metadata_url: str) -> str:
    """Return `url` on the origin of `metadata_url` if it is on the issuer's own origin, else as it is."""
    parts, own, other = urlsplit(url), urlsplit(issuer), urlsplit(metadata_url)
    if (parts.scheme, parts.hostname, parts.port) != (own.scheme, own.hostname, own.port):
        return url
    return urlunsplit((other.scheme, other.netloc, parts.path, parts.query, ""))
