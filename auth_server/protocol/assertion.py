"""The claims of an assertion that stands in for a secret (RFC 7523 section 3, and its revision of 2026 for the audience)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import Any, Final

# How far the clocks of whoever signs may be off.
LEEWAY_SECONDS: Final = 60
# An hour covers what client libraries make by default, and what platforms hand out.
MOST_SECONDS: Final = 3600
# What a platform hands out once for many sign-ins may be good for a day.
MOST_SECONDS_REUSABLE: Final = 86_400
_MOST_CHARACTERS: Final = 512


@dataclass(frozen=True, slots=True)
class Expected:
    """What an assertion must say. `most_seconds`: how long it may still be good for."""

    issuer: str
    subject: str
    audience: str
    most_seconds: int = MOST_SECONDS
    needs_jti: bool = True


@dataclass(frozen=True, slots=True)
class Used:
    """An assertion as it is remembered once it was used: by a digest, until the last second in which it could be believed."""

    digest: bytes = field(repr=False)
    until: int


def fault(claims: Mapping[str, Any], expected: Expected, now: int) -> str | None:
    """Return what is wrong with an assertion, for the log; None when nothing is.

    The audience is this issuer and nobody else: an assertion that another server would take as well could be passed on by it.

    Args:
        now: seconds.
    """
    if claims.get("iss") != expected.issuer or claims.get("sub") != expected.subject:
        return "iss or sub is not the expected one"
    if claims.get("aud") not in (expected.audience, [expected.audience]):
        return "aud is not this issuer alone"
    expires_at, issued_at, not_before = (_seconds(claims.get(name)) for name in ("exp", "iat", "nbf"))
    if expires_at is None or now >= expires_at + LEEWAY_SECONDS:
        return "expired, or exp is missing"
    if expires_at > now + expected.most_seconds + LEEWAY_SECONDS:
        return "exp is too far away"
    if ("iat" in claims and issued_at is None) or ("nbf" in claims and not_before is None):
        return "iat or nbf is no time"
    if max(issued_at or 0, not_before or 0) > now + LEEWAY_SECONDS:
        return "from the future"
    if issued_at is not None and issued_at < now - expected.most_seconds - LEEWAY_SECONDS:
        return "iat is too old"
    return _jti_fault(claims.get("jti"), expected)


def used(claims: Mapping[str, Any]) -> Used:
    """Return how a faultless assertion with a jti is remembered. A jti is unique for its issuer alone."""
    text = f"{claims['iss']}\0{claims['jti']}"
    return Used(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest(), int(claims["exp"]) + LEEWAY_SECONDS)


def _jti_fault(jti: object, expected: Expected) -> str | None:
    if jti is None and not expected.needs_jti:
        return None
    return None if isinstance(jti, str) and 1 <= len(jti) <= _MOST_CHARACTERS else "jti is missing or no text"


def _seconds(value: object) -> int | None:
    """Return a NumericDate (RFC 7519 section 2), fractions cut."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value) or not 0 <= value < 2**40:
        return None
    return int(value)
