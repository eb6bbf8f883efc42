"""The stored successor of a rotated refresh token, sealed so that only the token it replaced can open it.

A client whose answer was lost presents the old token again and gets the very same successor. A stolen database opens nothing: the key
is derived from the old token, of which the database holds only a digest.
"""

from __future__ import annotations

import os
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_NONCE_BYTES: Final = 12
_INFO: Final = b"sealwright refresh successor v1"


def seal(successor: str, *, under: str, family_id: bytes, seq: int) -> bytes:
    """Return the successor, sealed under the presented token. `seq` is the successor's generation."""
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + AESGCM(_key(under)).encrypt(nonce, successor.encode("ascii"), _bound_to(family_id, seq))


def unseal(blob: bytes, *, under: str, family_id: bytes, seq: int) -> str:
    """Return the successor.

    Raises:
        ValueError: another token, another family or generation, or changed bytes.
    """
    try:
        return AESGCM(_key(under)).decrypt(blob[:_NONCE_BYTES], blob[_NONCE_BYTES:], _bound_to(family_id, seq)).decode("ascii")
    except InvalidTag as error:
        raise ValueError("the stored successor does not open") from error


def _key(token: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=_INFO).derive(token.encode("ascii"))


def _bound_to(family_id: bytes, seq: int) -> bytes:
    return family_id + seq.to_bytes(8, "big")
