"""Keys as others write them down: PEM, one JWK, or a JWK Set. Read with care, for whoever wrote them is not us."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from auth_server.keys.public_half import ALGORITHMS, is_signed_by, public_jwk
from shared import base64url
from shared.jose import ED25519, ES256, KEY_TYPE, RS256
from shared.jwk import PRIVATE_MEMBERS

LEAST_RSA_BITS: Final = 2048
RECOMMENDED_RSA_BITS: Final = 3072
_EXPONENT: Final = 65537
_MAX_KEYS: Final = 20
_MAX_KID: Final = 200
# What a key signs with when its document does not say (RFC 7518 section 3.1 recommends RS256 for RSA).
_USUAL: Final = {("RSA", None): RS256, ("EC", "P-256"): ES256, ("OKP", "Ed25519"): ED25519}
_RENAMED: Final = {"EdDSA": ED25519}


class KeyDocumentRefused(Exception):
    """The document holds no key that could be used; the sentence may be shown and never repeats a part of a key."""


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """A key as it was written down: its public half in our form, and the private members when there are any.

    `kid` is the document's own, for tokens may be out that carry it, else the thumbprint.
    """

    kid: str
    alg: str
    public_jwk: Mapping[str, str]
    private_members: Mapping[str, str] | None = field(default=None, repr=False)

    @property
    def thumbprint(self) -> str:
        """The name the key would have here (RFC 7638)."""
        return self.public_jwk["kid"]

    @property
    def rsa_bits(self) -> int | None:
        """How long the modulus is; None when it is no RSA key."""
        modulus = self.public_jwk.get("n")
        return None if modulus is None else _number(modulus).bit_length()


def read_keys(document: bytes) -> list[ForeignKey]:
    """Return the keys of a document.

    Raises:
        KeyDocumentRefused: it cannot be read, holds no key or too many, or one of them is too weak or of another use.
    """
    text = document.strip()
    members = [_from_pem(text)] if text.startswith(b"-----BEGIN ") else _from_json(text)
    if not 1 <= len(members) <= _MAX_KEYS:
        raise KeyDocumentRefused(f"the document must hold 1 to {_MAX_KEYS} keys, and holds {len(members)}")
    return [read_key(each) for each in members]


def _from_pem(text: bytes) -> dict[str, Any]:
    try:
        if b"PRIVATE KEY" in text.splitlines()[0]:
            key: Any = serialization.load_pem_private_key(text, password=None)
        else:
            key = serialization.load_pem_public_key(text)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise KeyDocumentRefused("the PEM cannot be read: it must be one unencrypted public or private key") from None
    kinds = {
        RS256: rsa.RSAPublicKey | rsa.RSAPrivateKey,
        ES256: ec.EllipticCurvePublicKey | ec.EllipticCurvePrivateKey,
        ED25519: ed25519.Ed25519PublicKey | ed25519.Ed25519PrivateKey,
    }
    for alg, kind in kinds.items():
        if isinstance(key, kind):
            return dict(ALGORITHMS[alg].to_jwk(key, as_dict=True))
    raise KeyDocumentRefused("no signature algorithm here takes a key of this type")


def _from_json(text: bytes) -> list[dict[str, Any]]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise KeyDocumentRefused("the document is neither PEM nor JSON") from None
    keys = document.get("keys", [document]) if isinstance(document, dict) else None
    if not isinstance(keys, list) or not all(isinstance(key, dict) for key in keys):
        raise KeyDocumentRefused("the document is neither a JWK nor a JWK Set")
    return keys


def read_key(members: Mapping[str, Any]) -> ForeignKey:
    """Return one key of a JWK.

    Raises:
        KeyDocumentRefused: like `read_keys`.
    """
    alg = _algorithm(members)
    if members.get("use", "sig") != "sig":
        raise KeyDocumentRefused("a key that is not for signatures cannot be imported")
    names = ("kty", "n", "e", "crv", "x", "y")
    if not all(isinstance(members[name], str) for name in names if name in members):
        raise KeyDocumentRefused("a member of the key is no text")
    try:
        public = public_jwk(alg, members)
        if public["kty"] == "RSA":
            _check_rsa(public)
        is_signed_by(public, b"", b"")  # its verdict does not matter: a point that is on no curve raises
    except ValueError:
        raise KeyDocumentRefused(f"this is no public key for {alg}") from None
    private = {name: members[name] for name in (*names, *PRIVATE_MEMBERS) if name in members} if "d" in members else None
    return ForeignKey(_kid(members, public), alg, public, private)


def _algorithm(members: Mapping[str, Any]) -> str:
    named = members.get("alg")
    if named is None:
        alg = _USUAL.get((str(members.get("kty")), members.get("crv")))
    else:
        alg = _RENAMED.get(str(named), str(named))
    if alg not in KEY_TYPE:
        raise KeyDocumentRefused(f"a key must be for one of {', '.join(KEY_TYPE)}")
    return alg


def _check_rsa(public: Mapping[str, str]) -> None:
    modulus, exponent = _number(public["n"]), _number(public["e"])
    if modulus.bit_length() < LEAST_RSA_BITS:
        raise KeyDocumentRefused(f"an RSA key must have at least {LEAST_RSA_BITS} bits, and has {modulus.bit_length()}")
    if exponent != _EXPONENT or modulus % 2 == 0:
        raise KeyDocumentRefused(f"an RSA key must have an odd modulus and the exponent {_EXPONENT}")


def _kid(members: Mapping[str, Any], public: Mapping[str, str]) -> str:
    kid = members.get("kid", public["kid"])
    if not isinstance(kid, str) or not 1 <= len(kid) <= _MAX_KID or not (kid.isascii() and kid.isprintable()):
        raise KeyDocumentRefused(f"a kid must be 1 to {_MAX_KID} printable ASCII characters")
    return kid


def _number(text: str) -> int:
    return int.from_bytes(base64url.decode(text.encode("ascii")), "big")
