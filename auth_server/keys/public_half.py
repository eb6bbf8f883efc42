"""The public half of a signing key: its JWK, and the proof that a private half belongs to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from jwt import InvalidKeyError
from jwt.algorithms import Algorithm, ECAlgorithm, OKPAlgorithm, RSAAlgorithm, RSAPSSAlgorithm

from auth_server.keys.custodians.contract import Signer
from auth_server.protocol.errors import KeyUnavailable
from auth_server.store.signing_keys import SigningKey
from shared import jwk
from shared.jose import ED25519, ES256, KEY_TYPE, PS256, RS256

# How each algorithm signs and verifies (RFC 7518 section 3, RFC 8037 section 3.1).
ALGORITHMS: Final[dict[str, Algorithm]] = {
    RS256: RSAAlgorithm(RSAAlgorithm.SHA256),
    PS256: RSAPSSAlgorithm(RSAPSSAlgorithm.SHA256),
    ES256: ECAlgorithm(ECAlgorithm.SHA256),
    ED25519: OKPAlgorithm(),
}
_MEMBERS: Final[tuple[str, ...]] = ("kty", "n", "e", "crv", "x", "y")
_PROOF: Final = b"sealwright: does the private half fit the public one?"


def public_jwk(alg: str, members: Mapping[str, object]) -> dict[str, str]:
    """Return a public key as it is stored and published: what its key type needs, `kid`, `use` and `alg`.

    Args:
        members: the key's own members, base64url; what else is among them is left out.

    Raises:
        ValueError: it is no key for this algorithm.
    """
    own = {name: str(members[name]) for name in _MEMBERS if name in members}
    if (own.get("kty"), own.get("crv")) != KEY_TYPE.get(alg):
        raise ValueError(f"this is no key for {alg}")
    return own | {"kid": jwk.thumbprint(own), "use": "sig", "alg": alg}


def public_jwk_of(alg: str, public_key: Any) -> dict[str, str]:
    """Return the JWK of a public key object of `cryptography`.

    Raises:
        ValueError: it is no key for this algorithm.
    """
    try:
        return public_jwk(alg, ALGORITHMS[alg].to_jwk(public_key, as_dict=True))
    except (InvalidKeyError, AttributeError) as error:
        raise ValueError(f"this is no key for {alg}") from error


def public_jwk_of_der(alg: str, encoded: bytes) -> dict[str, str]:
    """Return the JWK of a SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7).

    Raises:
        ValueError: it cannot be read, or is no key for this algorithm.
    """
    try:
        return public_jwk_of(alg, serialization.load_der_public_key(encoded))
    except UnsupportedAlgorithm as error:
        raise ValueError(f"this is no key for {alg}") from error


def private_key_of(alg: str, members: Mapping[str, str]) -> Any:
    """Return the private key object of a JWK, once a signature of it verified under its own public members.

    Raises:
        ValueError: it is no private key for this algorithm, or its halves do not belong together.
    """
    algorithm = ALGORITHMS[alg]
    try:
        public = public_jwk(alg, members)
        private_key = algorithm.from_jwk(dict(members))
        if not is_signed_by(public, _PROOF, algorithm.sign(_PROOF, private_key)):
            raise ValueError("the private half does not fit the public one")
    except (InvalidKeyError, TypeError, AttributeError) as error:
        raise ValueError(f"this is no private key for {alg}") from error
    return private_key


def is_signed_by(public_jwk: Mapping[str, str], signing_input: bytes, signature: bytes) -> bool:
    """Say whether a signature (RFC 7518 section 3) is by the key of a published JWK, with the JWK's own `alg`.

    Raises:
        ValueError: the JWK is no key for its `alg`.
    """
    algorithm = ALGORITHMS[public_jwk["alg"]]
    try:
        public_key = algorithm.from_jwk({name: public_jwk[name] for name in _MEMBERS if name in public_jwk})
    except InvalidKeyError as error:
        raise ValueError("this is no key for its algorithm") from error
    return algorithm.verify(signing_input, public_key, signature)


def check_pair(key: SigningKey, signer: Signer) -> None:
    """Refuse a signer whose signatures do not verify under what the row publishes.

    A row whose public half was exchanged, or that names another key, would sign tokens nobody accepts.

    Raises:
        KeyUnavailable: they do not fit, `kid` is not the thumbprint, or the signer does not sign.
    """
    algorithm = ALGORITHMS[key.alg]
    try:
        public_key = algorithm.from_jwk({name: key.public_jwk[name] for name in _MEMBERS if name in key.public_jwk})
        fits = jwk.thumbprint(key.public_jwk) == key.kid and algorithm.verify(_PROOF, public_key, signer.sign(_PROOF))
    except (InvalidKeyError, ValueError):
        fits = False
    if not fits:
        raise KeyUnavailable(f"the private half of {key.kid} does not fit its public half")
