"""Compact JWS (RFC 7515 section 7.1), without the detours of a library that loads the key and checks the header each time."""

from __future__ import annotations

from collections.abc import Mapping

from shared import base64url, json_text


def header_segment(*, alg: str, typ: str, kid: str) -> bytes:
    """Return the first segment with its dot, ready to be kept for each key and typ."""
    return base64url.encode(json_text.to_ascii({"alg": alg, "typ": typ, "kid": kid}).encode("ascii")).encode("ascii") + b"."


def signing_input(header: bytes, claims: Mapping[str, object]) -> bytes:
    """Return what is signed: header and payload segments.

    Args:
        header: from `header_segment`.

    Raises:
        ValueError, TypeError: a claim that is no JSON.
    """
    return header + base64url.encode(json_text.to_ascii(claims).encode("ascii")).encode("ascii")


def compact(signed: bytes, signature: bytes) -> str:
    """Return the finished token."""
    return f"{signed.decode('ascii')}.{base64url.encode(signature)}"
