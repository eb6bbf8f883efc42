"""The stand-in for where the auth server is not installed: keys, a key set, metadata, and tokens that say whatever a test wants.

It has no people, no clients and no feed: what needs them raises `NeedsAuthServer`. Like the real issuer it publishes a standby before it
signs, and burned keys under `revoked`.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NoReturn
from urllib.parse import urlsplit

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from resource_server.testing.contract import Headers, NeedsAuthServer, Resources
from shared import base64url, jose, well_known
from shared.jwk import thumbprint
from shared.key_policy import KeyPolicy

_BITS: Final = 2048
_JWKS_PATH: Final = "/.well-known/jwks.json"
_MISSING: Final = "this needs the real issuer: install the auth server's distribution (sealwright-auth-server) beside the kit"


@dataclass(frozen=True, slots=True)
class _Key:
    private: rsa.RSAPrivateKey
    public: Mapping[str, str]

    @property
    def kid(self) -> str:
        return self.public["kid"]


class KeyOnlyIssuer:
    """A `Backend` that knows keys alone."""

    def __init__(self, url: str, _resources: Resources) -> None:
        self._url = url
        self._skew = 0.0
        self._lock = threading.Lock()
        self._active, self._standby = _new_key(), _new_key()
        self._former: list[_Key] = []
        self._revoked: list[str] = []
        self._epoch = 1

    def answer(self, method: str, target: str, _headers: Headers, _body: bytes) -> tuple[int, Headers, bytes]:
        """Answer metadata and key set; 404 for the rest."""
        path = urlsplit(target).path
        documents = {_JWKS_PATH: self._key_set, **dict.fromkeys(self._metadata_paths(), self._metadata)}
        if path not in documents or method not in {"GET", "HEAD"}:
            return 404, (("content-type", "application/json"),), b'{"error":"not_found"}'
        with self._lock:
            body = json.dumps(documents[path]()).encode()
        return 200, (("content-type", "application/json"), ("cache-control", "no-store")), body

    def now(self) -> int:
        """Return the issuer's time."""
        return int(time.time() + self._skew)

    def skew(self, seconds: float) -> None:
        """Put the clock off."""
        self._skew = seconds

    def mint(self, claims: Mapping[str, object], typ: str) -> str:
        """Sign these claims."""
        with self._lock:
            key = self._active
        header = {"alg": jose.RS256, "typ": typ, "kid": key.kid}
        signing_input = ".".join(base64url.encode(json.dumps(part).encode()) for part in (header, claims))
        signature = key.private.sign(signing_input.encode("ascii"), padding.PKCS1v15(), hashes.SHA256())
        return f"{signing_input}.{base64url.encode(signature)}"

    def rotate(self) -> str:
        """Let the standby sign."""
        successor = _new_key()
        with self._lock:
            self._former.append(self._active)
            self._active, self._standby = self._standby, successor
            self._epoch += 1
            return self._active.kid

    def burn(self, kid: str | None) -> str:
        """Burn a key; where it was the one that signs, the standby takes over."""
        successor = _new_key()
        with self._lock:
            burned = kid or self._active.kid
            if burned not in {key.kid for key in self._published()}:
                raise ValueError(f"there is no key {burned}")
            if burned == self._active.kid:
                self._active, self._standby = self._standby, successor
            elif burned == self._standby.kid:
                self._standby = successor
            self._former = [key for key in self._former if key.kid != burned]
            self._revoked.append(burned)
            self._epoch += 1
        return burned

    def revoke(self, kind: str, key: str) -> NoReturn:
        """There is no feed here."""
        raise NeedsAuthServer(_MISSING)

    def sign_in(
        self, username: str, password: str | None, *, roles: Mapping[str, Sequence[str]], resource: str, scope: str | None
    ) -> NoReturn:
        """There are no people here."""
        raise NeedsAuthServer(_MISSING)

    def close(self) -> None:
        """Nothing runs here."""

    def _metadata_paths(self) -> list[str]:
        both = (well_known.openid_configuration_url(self._url), well_known.authorization_server_url(self._url))
        return [urlsplit(url).path for url in both]

    def _metadata(self) -> dict[str, object]:
        return {"issuer": self._url, "jwks_uri": self._url + _JWKS_PATH, "key_policy": KeyPolicy().to_metadata()}

    def _key_set(self) -> dict[str, object]:
        return {"keys": [dict(key.public) for key in self._published()], "epoch": self._epoch, "revoked": list(self._revoked)}

    def _published(self) -> list[_Key]:
        return [self._active, self._standby, *self._former]


def _new_key() -> _Key:
    private = rsa.generate_private_key(65537, _BITS)
    numbers = private.public_key().public_numbers()
    members = {
        "kty": "RSA",
        "n": base64url.encode(numbers.n.to_bytes(_BITS // 8, "big")),
        "e": base64url.encode(numbers.e.to_bytes(3, "big")),
    }
    return _Key(private, {**members, "alg": jose.RS256, "use": "sig", "kid": thumbprint(members)})
