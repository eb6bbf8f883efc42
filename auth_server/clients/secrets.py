"""Client secrets: made by us with 256 random bits, shown once, kept as a SHA-256 digest, compared in constant time.

A slow hash protects what a person chose. Nothing protects 256 random bits better than they do themselves, and the token endpoint
stays bound by its signature.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from typing import Final

from auth_server.protocol.client import ClientSecret
from auth_server.protocol.secret import Secret

# A given secret may be typed by a person; 32 characters of anything a generator makes is far beyond guessing.
LEAST_CHARACTERS: Final = 32
MOST_CHARACTERS: Final = 256
_STAND_IN: Final = (ClientSecret(hashlib.sha256(b"stands in for the secret of a client that does not exist").digest()),)


def generate() -> Secret:
    """Return a new secret of 256 random bits."""
    return Secret(secrets.token_urlsafe(32))


def digest(secret: Secret) -> bytes:
    """Return what is stored of a secret."""
    return hashlib.sha256(secret.reveal().encode("utf-8")).digest()


def check_given(secret: Secret) -> None:
    """Refuse a secret from an operator's file that could be guessed.

    Raises:
        ValueError: too short, too long, or not printable ASCII without spaces.
    """
    value = secret.reveal()
    if not LEAST_CHARACTERS <= len(value) <= MOST_CHARACTERS:
        raise ValueError(f"a client secret has {LEAST_CHARACTERS} to {MOST_CHARACTERS} characters")
    if not value.isascii() or not value.isprintable() or " " in value:
        raise ValueError("a client secret is printable ASCII without spaces")


def is_one_of(presented: str, known: Sequence[ClientSecret], now: int) -> bool:
    """Say whether a presented secret is one of the unexpired ones; equal work whether there are any or not."""
    presented_digest = hashlib.sha256(presented.encode("utf-8")).digest()
    live = [secret for secret in known if secret.expires_at is None or now < secret.expires_at]
    found = False
    for secret in live or _STAND_IN:
        found |= hmac.compare_digest(secret.digest, presented_digest)
    return found and bool(live)
