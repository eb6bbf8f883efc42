"""Public keys as loaded objects, and the one operation they are for.

PyJWT's algorithm objects load the keys, and verify whatever is not RS256. PyJWT's `decode` is never used: it takes what we must refuse (a
member named twice, `exp` as text, any `typ`, `crit`, padding), and it costs twice as much as the rest of this package.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final, Protocol, TypeAlias, cast

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm, RSAPSSAlgorithm
from jwt.exceptions import InvalidKeyError

from resource_server.verifier.errors import BadSignature
from shared import base64url, jose

MIN_MODULUS_BITS: Final = 2048
# A verification with a giant key is a denial of service (RFC 7518 section 8.3 leaves the bound to us).
MAX_MODULUS_BITS: Final = 8192
_PUBLIC_EXPONENT: Final = 65537


class _Scheme(Protocol):
    def verify(self, msg: bytes, key: Any, sig: bytes) -> bool: ...

    def from_jwk(self, jwk: dict[str, Any]) -> object: ...


# PyJWT knows Ed25519 under the name EdDSA; here it has the fully specified one (RFC 9864 section 2.2).
_SCHEMES: Final[dict[str, _Scheme]] = {
    jose.RS256: cast(_Scheme, RSAAlgorithm(RSAAlgorithm.SHA256)),  # the casts: PyJWT types each `verify` for its own key class
    jose.PS256: cast(_Scheme, RSAPSSAlgorithm(RSAPSSAlgorithm.SHA256)),
    jose.ES256: cast(_Scheme, ECAlgorithm(ECAlgorithm.SHA256)),
    jose.ED25519: cast(_Scheme, OKPAlgorithm()),
}
# `(message, signature)`: whether the signature is one key's over the message.
Check: TypeAlias = Callable[[bytes, bytes], bool]
_PKCS1: Final = PKCS1v15()
_SHA256: Final = SHA256()
_MATERIAL: Final[dict[str, tuple[str, ...]]] = {"RSA": ("n", "e"), "EC": ("crv", "x", "y"), "OKP": ("crv", "x")}


@dataclass(frozen=True, slots=True)
class VerifyingKey:
    """A public key, loaded, with the one algorithm it may be used with. `jwk` holds its public members and nothing else."""

    key_id: str
    algorithm: str
    jwk: Mapping[str, str] = field(repr=False)
    is_signature: Check = field(repr=False, compare=False)


def load_key(jwk: Mapping[str, object], key_id: str, algorithm: str) -> VerifyingKey:
    """Return the key that a JWK spells, fit for `algorithm`.

    Raises:
        ValueError: another key type, malformed members, or a key too weak to prove anything.

    Source: RFC 7518 sections 3.3, 3.4, 6.2 and 6.3, RFC 8037 section 2.
    """
    key_type, curve = jose.KEY_TYPE[algorithm]
    if jwk.get("kty") != key_type or (curve is not None and jwk.get("crv") != curve):
        raise ValueError(f"not a key for {algorithm}")
    public: dict[str, str] = {"kty": key_type}
    for name in _MATERIAL[key_type]:
        value = jwk.get(name)
        if type(value) is not str:
            raise ValueError(f"member {name!r} is missing or no string")
        public[name] = value
        if name != "crv":
            base64url.decode(value.encode("ascii"))
    if key_type == "RSA":
        _check_numbers(public)
    try:
        public_key = _SCHEMES[algorithm].from_jwk(dict(public))
    except (InvalidKeyError, OverflowError) as error:
        raise ValueError(f"not a usable key: {error}") from error
    if key_type == "RSA" and not isinstance(public_key, RSAPublicKey):
        raise ValueError("not an RSA public key")
    public |= {"kid": key_id, "alg": algorithm, "use": "sig"}
    return VerifyingKey(key_id, algorithm, public, _check_of(public_key, algorithm))


def check_signature(key: VerifyingKey, signing_input: bytes, signature: bytes) -> None:
    """Refuse bytes that the key did not sign.

    Raises:
        BadSignature: not this key's signature of these bytes.
    """
    if not key.is_signature(signing_input, signature):
        raise bad_signature(key)


def bad_signature(key: VerifyingKey) -> BadSignature:
    """Return the refusal of bytes that the key did not sign."""
    return BadSignature(f"not the signature of kid {key.key_id!r} ({key.algorithm}) over these bytes")


def _check_of(public_key: object, algorithm: str) -> Check:
    if isinstance(public_key, RSAPublicKey) and algorithm == jose.RS256:
        return _pkcs1_check(public_key)
    scheme = _SCHEMES[algorithm]
    return lambda message, signature: scheme.verify(message, public_key, signature)


def _pkcs1_check(key: RSAPublicKey) -> Check:
    """Return RS256's verification, with what PyJWT makes for each signature made once."""
    # It lets other threads run meanwhile; `recover_data_from_signature`, which is quicker, does not (decision 0024).
    verify = key.verify

    def check(message: bytes, signature: bytes) -> bool:
        try:
            verify(signature, message, _PKCS1, _SHA256)
        except InvalidSignature:
            return False
        return True

    return check


def _check_numbers(public: Mapping[str, str]) -> None:
    modulus = int.from_bytes(base64url.decode(public["n"].encode("ascii")), "big")
    exponent = int.from_bytes(base64url.decode(public["e"].encode("ascii")), "big")
    if not MIN_MODULUS_BITS <= modulus.bit_length() <= MAX_MODULUS_BITS:
        raise ValueError(f"an RSA modulus of {modulus.bit_length()} bits")
    if exponent != _PUBLIC_EXPONENT or modulus % 2 == 0:
        raise ValueError("an RSA key whose exponent is not 65537 or whose modulus is even")
    if _looks_like_roca(modulus):
        raise ValueError("an RSA key with the ROCA fingerprint (CVE-2017-15361)")


@cache
def _roca_residues() -> tuple[int, tuple[tuple[int, frozenset[int]], ...]]:
    """Return the product of small primes, and for each the residues a ROCA modulus can have.

    Source: Nemec, Sys, Svenda, Klinec, Matyas, "The Return of Coppersmith's Attack", CCS 2017, section 2: both primes of such a key are
    powers of 65537 modulo a primorial, and so is their product.
    """
    primes = [p for p in range(3, 168, 2) if all(p % q for q in range(3, int(p**0.5) + 1, 2))]
    product = 1
    residues = []
    for prime in primes:
        powers = {pow(_PUBLIC_EXPONENT, k, prime) for k in range(prime - 1)}
        product *= prime
        if len(powers) < prime - 1:  # the whole group says nothing
            residues.append((prime, frozenset(powers)))
    return product, tuple(residues)


def _looks_like_roca(modulus: int) -> bool:
    product, residues = _roca_residues()
    reduced = modulus % product
    return all(reduced % prime in powers for prime, powers in residues)
