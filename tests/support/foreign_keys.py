"""Keys that were made elsewhere, as others write them down."""

from __future__ import annotations

import json
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from shared.jose import ED25519, ES256, RS256

KEYS: dict[str, Any] = {
    RS256: rsa.generate_private_key(public_exponent=65537, key_size=2048),
    ES256: ec.generate_private_key(ec.SECP256R1()),
    ED25519: ed25519.Ed25519PrivateKey.generate(),
}
TO_JWK: dict[str, Any] = {RS256: RSAAlgorithm.to_jwk, ES256: ECAlgorithm.to_jwk, ED25519: OKPAlgorithm.to_jwk}


def public_pem(key: Any) -> bytes:
    """Return the public half as PEM."""
    pem: bytes = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return pem


def private_pem(key: Any) -> bytes:
    """Return the private key as PEM."""
    pem: bytes = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return pem


def a_jwk(alg: str = ED25519, /, key: Any = None, **changes: object) -> dict[str, object]:
    """Return a public JWK; a member that is changed to None is left out."""
    made = TO_JWK[alg]((key or KEYS[alg]).public_key(), as_dict=True) | changes
    return {name: value for name, value in made.items() if value is not None}


def document(*keys: dict[str, object]) -> bytes:
    """Return a JWK, or a JWK Set of several."""
    return json.dumps(keys[0] if len(keys) == 1 else {"keys": keys}).encode()
