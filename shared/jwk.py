"""Public JSON Web Keys: their shape and their thumbprint (RFC 7517, RFC 7638)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Final, TypedDict

from shared import base64url

# RFC 7518 section 6 and RFC 8037 section 2: members that hold private or symmetric material.
PRIVATE_MEMBERS: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})

# RFC 7638 section 3.2, RFC 8037 section 2: the members a thumbprint is taken over.
_THUMBPRINT_MEMBERS: Final[dict[str, tuple[str, ...]]] = {
    "RSA": ("e", "kty", "n"),
    "EC": ("crv", "kty", "x", "y"),
    "OKP": ("crv", "kty", "x"),
}


class PublicJwk(TypedDict, total=False):
    """A public key as it stands in a JWKS. Big numbers and coordinates are base64url strings."""

    kty: str
    kid: str
    alg: str
    use: str
    n: str
    e: str
    crv: str
    x: str
    y: str


class KeySetDocument(TypedDict):
    """The body of `/.well-known/jwks.json`.

    `epoch` grows with every change of the ring; `revoked` lists tombstoned `kid`s for ever. Both are members that RFC 7517
    section 5 lets a reader ignore.
    """

    keys: list[PublicJwk]
    epoch: int
    revoked: list[str]


def thumbprint(jwk: Mapping[str, object]) -> str:
    """Return the SHA-256 thumbprint of a public key, base64url: our `kid`, so one `kid` can never name two keys.

    Raises:
        ValueError: unknown `kty`, or a required member is missing or not a string.

    Source: RFC 7638 section 3.
    """
    names = _THUMBPRINT_MEMBERS.get(str(jwk.get("kty")))
    if names is None:
        raise ValueError("no thumbprint is defined for this key type")
    members = {name: jwk.get(name) for name in names}
    if not all(isinstance(value, str) for value in members.values()):
        raise ValueError("a member that the thumbprint needs is missing")
    canonical = json.dumps(members, separators=(",", ":"), sort_keys=True, ensure_ascii=False)
    return base64url.encode(hashlib.sha256(canonical.encode("utf-8")).digest())
