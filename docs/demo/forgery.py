"""Forged tokens: what an attacker can make of a valid token and the public keys alone."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt import PyJWK


def with_a_changed_byte(token: str) -> str:
    """Change one character in the middle of the payload."""
    header, payload, signature = token.split(".")
    at = len(payload) // 2
    other = "A" if payload[at] != "A" else "B"
    return f"{header}.{payload[:at]}{other}{payload[at + 1 :]}.{signature}"


def unsigned(token: str) -> str:
    """Say `alg: none`, and give no signature worth the name (RFC 8725 section 2.1)."""
    header, payload, signature = token.split(".")
    members = json.loads(base64.urlsafe_b64decode(header + "=" * (-len(header) % 4)))
    return f"{_segment({**members, 'alg': 'none'})}.{payload}.{signature}"


def signed_with_the_public_key(token: str, jwk: dict[str, Any]) -> str:
    """Use the public key's text as the secret of an HMAC (RFC 8725 section 2.1)."""
    public = PyJWK(jwk).key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    signing_input = f"{_segment({'alg': 'HS256', 'typ': 'at+jwt', 'kid': jwk['kid']})}.{token.split('.')[1]}"
    tag = hmac.new(public, signing_input.encode(), hashlib.sha256).digest()
    return f"{signing_input}.{_text(tag)}"


def _segment(value: dict[str, Any]) -> str:
    return _text(json.dumps(value, separators=(",", ":")).encode())


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
