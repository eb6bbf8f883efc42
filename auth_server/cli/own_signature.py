"""Does this signature belong to this public key? For `token inspect` alone: nothing is granted on its answer.

RSASSA-PKCS1-v1_5 is checked as RFC 8017 section 8.2.2 says: the whole expected encoding is built and compared, nothing is parsed out
of what the signature opens to. Only public numbers are involved, so time tells nobody anything.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final

from shared import base64url
from shared.jose import RS256

# DigestInfo of SHA-256 (RFC 8017 section 9.2, note 1).
_SHA256_PREFIX: Final = bytes.fromhex("3031300d060960864801650304020105000420")


def can_check(alg: str) -> bool:
    """Say whether signatures of an algorithm can be checked here."""
    return alg == RS256


def is_signed_by(public_jwk: Mapping[str, str], signing_input: bytes, signature: bytes) -> bool:
    """Say whether an RS256 signature is by the key with these public numbers.

    Raises:
        ValueError, KeyError: the key is no RSA key.
    """
    modulus, exponent = (int.from_bytes(base64url.decode(public_jwk[name].encode("ascii")), "big") for name in ("n", "e"))
    length = (modulus.bit_length() + 7) // 8
    number = int.from_bytes(signature, "big")
    if len(signature) != length or number >= modulus:
        return False
    digest_info = _SHA256_PREFIX + hashlib.sha256(signing_input).digest()
    expected = b"\x00\x01" + b"\xff" * (length - len(digest_info) - 3) + b"\x00" + digest_info
    return pow(number, exponent, modulus).to_bytes(length, "big") == expected
