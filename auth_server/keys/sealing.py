"""Envelope encryption of secrets at rest: each value under a key of its own, that key under a key encryption key (KEK).

Layout of a sealed value, after one byte that says which layout it is:
    nonce 12 | wrapped data key 32 + 16 | nonce 12 | ciphertext + 16
Both layers are AES-256-GCM and authenticate the place where the value belongs (ring, kid, table, row), so a value that was copied to
another place does not open. A data key encrypts one message: there is no bound of nonces to reach.

Source: NIST SP 800-38D sections 5.2.1.1 and 8.2.2.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from auth_server.protocol.errors import KeyUnavailable
from shared import base64url

KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_WRAPPED_BYTES: Final = KEY_BYTES + 16
_LAYOUT: Final = b"\x01"
_SHORTEST: Final = 1 + _NONCE_BYTES + _WRAPPED_BYTES + _NONCE_BYTES + 16


class CannotUnseal(KeyUnavailable):
    """A sealed value does not open; nothing that depends on it is done."""


class KeyEncryptionKeyMissing(CannotUnseal):
    """It was sealed under a key encryption key that this process was not given."""


class SealBroken(CannotUnseal):
    """It was changed, cut, or copied from another place."""


@dataclass(frozen=True, slots=True)
class SealedValue:
    """A sealed value and the id of the key encryption key that opens it."""

    blob: bytes = field(repr=False)
    kek_id: str


def signing_key_context(*, issuer: str, ring: str, kid: str, alg: str) -> tuple[str, ...]:
    """Return where a private signing key belongs."""
    return ("v1", issuer, ring, kid, alg)


def row_context(*, table: str, column: str, row: str) -> tuple[str, ...]:
    """Return where any other sealed value belongs."""
    return ("v1", table, column, row)


def generate_key_encryption_key() -> str:
    """Return a new key encryption key as it is written in settings: 32 random bytes, base64url."""
    return base64url.encode(secrets.token_bytes(KEY_BYTES))


def key_encryption_key_id(key: bytes) -> str:
    """Return the name of a key encryption key: a short hash, which says nothing about the key."""
    return base64url.encode(hashlib.sha256(b"sealwright key encryption key v1" + key).digest()[:9])


class KeyEncryptionKeys:
    """The key encryption keys of this process: the first seals, all of them open.

    To rotate: append the new key on every replica, then put it first, re-seal what lies under the old one, then drop the old one.
    """

    __slots__ = ("_ciphers", "sealing_id")

    def __init__(self, keys: Sequence[bytes]) -> None:
        if not keys:
            raise ValueError("at least one key encryption key is needed")
        if any(len(key) != KEY_BYTES for key in keys):
            raise ValueError(f"a key encryption key has exactly {KEY_BYTES} bytes")
        self._ciphers = {key_encryption_key_id(key): AESGCM(key) for key in keys}
        self.sealing_id = key_encryption_key_id(keys[0])

    @classmethod
    def from_texts(cls, texts: Sequence[str]) -> KeyEncryptionKeys:
        """Read keys as they are written in settings.

        Raises:
            ValueError: none, or one is not the base64url of 32 bytes. The sentence never repeats a key.
        """
        try:
            keys = [base64url.decode(text.encode("ascii")) for text in texts]
        except ValueError:
            raise ValueError("must be base64url keys of 32 bytes, separated by commas") from None
        return cls(keys)

    def __repr__(self) -> str:
        return f"KeyEncryptionKeys({', '.join(self._ciphers)})"

    @property
    def ids(self) -> tuple[str, ...]:
        """The names of all keys, the sealing one first."""
        return tuple(self._ciphers)

    def seal(self, plaintext: bytes, context: Sequence[str]) -> SealedValue:
        """Seal a value for one place."""
        data_key, nonce = secrets.token_bytes(KEY_BYTES), secrets.token_bytes(_NONCE_BYTES)
        body = AESGCM(data_key).encrypt(nonce, plaintext, _associated(context))
        return SealedValue(_LAYOUT + self._wrap(data_key, context) + nonce + body, self.sealing_id)

    def open(self, sealed: SealedValue, context: Sequence[str]) -> bytes:
        """Return the plaintext.

        Raises:
            KeyEncryptionKeyMissing: the key encryption key is not among ours.
            SealBroken: the value, or the place it was found at, is not the one that was sealed.
        """
        data_key = self._unwrap(sealed, context)
        at = 1 + _NONCE_BYTES + _WRAPPED_BYTES
        nonce, body = sealed.blob[at : at + _NONCE_BYTES], sealed.blob[at + _NONCE_BYTES :]
        try:
            return AESGCM(data_key).decrypt(nonce, body, _associated(context))
        except InvalidTag as error:
            raise SealBroken("a sealed value does not open: it was changed, or sealed for another issuer") from error

    def rewrap(self, sealed: SealedValue, context: Sequence[str]) -> SealedValue:
        """Put the data key under the sealing key; the value itself is not touched.

        Raises:
            CannotUnseal: like `open`.
        """
        data_key = self._unwrap(sealed, context)
        rest = sealed.blob[1 + _NONCE_BYTES + _WRAPPED_BYTES :]
        return SealedValue(_LAYOUT + self._wrap(data_key, context) + rest, self.sealing_id)

    def _wrap(self, data_key: bytes, context: Sequence[str]) -> bytes:
        nonce = secrets.token_bytes(_NONCE_BYTES)
        associated = _associated([*context, self.sealing_id])
        return nonce + self._ciphers[self.sealing_id].encrypt(nonce, data_key, associated)

    def _unwrap(self, sealed: SealedValue, context: Sequence[str]) -> bytes:
        cipher = self._ciphers.get(sealed.kek_id)
        if cipher is None:
            raise KeyEncryptionKeyMissing(f"the key encryption key {sealed.kek_id} is not among {', '.join(self._ciphers)}")
        blob = sealed.blob
        if len(blob) < _SHORTEST or blob[:1] != _LAYOUT:
            raise SealBroken("a sealed value has no layout that is known here")
        nonce, wrapped = blob[1 : 1 + _NONCE_BYTES], blob[1 + _NONCE_BYTES : 1 + _NONCE_BYTES + _WRAPPED_BYTES]
        try:
            return cipher.decrypt(nonce, wrapped, _associated([*context, sealed.kek_id]))
        except InvalidTag as error:
            raise SealBroken("a sealed value does not open: it was changed, or sealed for another issuer") from error


def _associated(context: Sequence[str]) -> bytes:
    # JSON, because joining with a separator would let two places spell alike when a member holds the separator.
    return json.dumps(list(context), separators=(",", ":")).encode("ascii")
