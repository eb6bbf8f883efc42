"""Encrypted access tokens: the signed token, nested in one that only its resource opens (RFC 7516, RFC 7519 section 11.2).

The resource publishes a key of its own, the issuer fetches it: no secret is shared. The address is an operator's word and may be in a
private network, so it is not fetched under the rules for what strangers name (`outbound/`); it is https, or loopback, all the same,
or whoever sits in between would get the tokens encrypted to himself. Needs the extra `jwe`.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.error import URLError
from urllib.parse import urlsplit

from auth_server.protocol.errors import KeyUnavailable
from shared.settings import is_loopback, server_url

_LOG: Final = logging.getLogger(__name__)
ENC: Final = "A256GCM"
# A key of this shape is encrypted to by this algorithm (RFC 7518 section 4); nothing else is.
_ALGORITHMS: Final = {("EC", "P-256"): "ECDH-ES", ("RSA", None): "RSA-OAEP-256"}
_LEAST_RSA_BYTES: Final = 256
SECONDS: Final = 5.0
_MOST_BYTES: Final = 64 * 1024
FRESH_SECONDS: Final = 300.0
# A resource that does not answer keeps the key it had: it goes on opening tokens with a key for longer than this.
STALE_SECONDS: Final = 86_400.0
_RETRY_SECONDS: Final = 5.0


def encryption_keys_fault(url: str) -> str | None:
    """Return what is wrong with an address of encryption keys, or None."""
    try:
        server_url(url)
    except ValueError as error:
        return str(error)
    parts = urlsplit(url)
    is_safe = parts.scheme == "https" or is_loopback(parts.hostname)
    return None if is_safe else "must be https unless it is this machine itself"


@dataclass(slots=True)
class _Remembered:
    jwk: Mapping[str, Any] | None = None
    fetched_at: float = float("-inf")
    tried_at: float = float("-inf")
    fetching: asyncio.Task[None] | None = None


class ResourceEncryption:
    """Encrypts tokens to their resources, and remembers the resources' keys.

    Args:
        fetch: returns the bytes at an address; the real one when left out.
    """

    def __init__(self, fetch: Callable[[str], bytes] | None = None, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._fetch = fetch or _fetched
        self._monotonic = monotonic
        self._keys: dict[str, _Remembered] = {}

    async def encrypt(self, signed: str, jwks_uri: str) -> str:
        """Return the token that holds `signed` and that only the resource opens.

        Raises:
            KeyUnavailable: the resource's key is not known, or the extra `jwe` is not installed. A token that should be encrypted is
                never handed out as it is.
        """
        jwk = await self._key(jwks_uri)
        try:
            return _nested(signed, jwk)
        except ImportError as error:
            raise KeyUnavailable("tokens are to be encrypted, and the extra jwe (joserfc) is not installed") from error
        except ValueError as error:
            raise KeyUnavailable(f"the encryption key at {jwks_uri} cannot be used") from error

    async def _key(self, jwks_uri: str) -> Mapping[str, Any]:
        known = self._keys.setdefault(jwks_uri, _Remembered())
        now = self._monotonic()
        if now - known.fetched_at >= FRESH_SECONDS and now - known.tried_at >= _RETRY_SECONDS:
            known.tried_at = now
            known.fetching = asyncio.create_task(self._refresh(jwks_uri, known))
        # With a key at hand nobody waits for a newer one: the older one opens as well.
        if known.jwk is None and known.fetching is not None:
            await asyncio.shield(known.fetching)
        if known.jwk is None or self._monotonic() - known.fetched_at > STALE_SECONDS:
            raise KeyUnavailable(f"no encryption key could be fetched from {jwks_uri}")
        return known.jwk

    async def _refresh(self, jwks_uri: str, known: _Remembered) -> None:
        try:
            body = await asyncio.to_thread(self._fetch, jwks_uri)
            known.jwk = _usable_key(json.loads(body))
            known.fetched_at = self._monotonic()
        except (OSError, ValueError) as error:
            fields = {"jwks_uri": jwks_uri, "error": type(error).__name__}
            _LOG.warning("encryption keys of a resource could not be fetched", extra={"fields": fields})
        finally:
            known.fetching = None


def _usable_key(document: Any) -> Mapping[str, Any]:
    """Return the first key of a key set that tokens can be encrypted to.

    Raises:
        ValueError: there is none.
    """
    keys = document.get("keys") if isinstance(document, dict) else None
    for jwk in keys if isinstance(keys, list) else ():
        if isinstance(jwk, dict) and _is_usable(jwk):
            return jwk
    raise ValueError("no usable encryption key")


def _is_usable(jwk: Mapping[str, Any]) -> bool:
    alg = _ALGORITHMS.get((str(jwk.get("kty")), jwk.get("crv")))
    is_public = "d" not in jwk and isinstance(jwk.get("kid"), str)
    is_long = jwk.get("kty") != "RSA" or len(str(jwk.get("n", ""))) * 3 // 4 >= _LEAST_RSA_BYTES
    return alg is not None and jwk.get("use") == "enc" and jwk.get("alg") in (None, alg) and is_public and is_long


def _nested(signed: str, jwk: Mapping[str, Any]) -> str:
    from joserfc import jwe
    from joserfc.errors import JoseError
    from joserfc.jwk import ECKey, RSAKey

    alg = _ALGORITHMS[jwk["kty"], jwk.get("crv")]
    header = {"alg": alg, "enc": ENC, "kid": jwk["kid"], "cty": "JWT"}
    try:
        key = (RSAKey if jwk["kty"] == "RSA" else ECKey).import_key(dict(jwk))
        return jwe.encrypt_compact(header, signed.encode("ascii"), key, registry=jwe.JWERegistry(algorithms=[alg, ENC]))
    except JoseError as error:
        raise ValueError("the key does not encrypt") from error


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """Follow none: the address is the operator's, and nobody else names another."""


# No proxy of the environment either: nobody in between has a say in which key is used.
_OPENER: Final = urllib.request.build_opener(_NoRedirects, urllib.request.ProxyHandler({}))


def _fetched(url: str) -> bytes:
    request = urllib.request.Request(url, headers={"Accept": "application/jwk-set+json, application/json"})  # noqa: S310 - https or loopback, checked
    try:
        with _OPENER.open(request, timeout=SECONDS) as answer:
            body: bytes = answer.read(_MOST_BYTES + 1)
    except URLError as error:
        raise OSError("the key set did not come") from error
    if len(body) > _MOST_BYTES:
        raise ValueError("the key set is too large")
    return body
