"""Proof Key for Code Exchange, S256 only (RFC 7636)."""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import Final

from auth_server.protocol.errors import InvalidGrant
from shared import base64url

S256: Final = "S256"
# RFC 7636 section 4.1: 43 to 128 unreserved characters. A challenge is the base64url of 32 bytes: 43 characters, no padding.
_VERIFIER: Final = re.compile(r"[A-Za-z0-9._~-]{43,128}")
_CHALLENGE: Final = re.compile(r"[A-Za-z0-9_-]{43}")


def challenge_of(code_verifier: str) -> str:
    """Return the S256 challenge of a verifier (RFC 7636 section 4.2)."""
    return base64url.encode(hashlib.sha256(code_verifier.encode("ascii")).digest())


def is_challenge(text: str) -> bool:
    """Say whether a text has the form of an S256 challenge."""
    return _CHALLENGE.fullmatch(text) is not None


def check_code_verifier(code_verifier: str | None, code_challenge: str | None) -> None:
    """Refuse a redemption whose verifier does not hash to the stored challenge.

    Only S256 exists here: `plain` shows the verifier to whoever sees the request (RFC 9700 section 2.1.1). A verifier for a code that
    was asked for without a challenge is refused as well: somebody took the challenge out on the way (RFC 9700 section 4.8.2).

    Raises:
        InvalidGrant: missing, malformed (not 43 to 128 unreserved characters), different, or not asked for.

    Source: RFC 7636 sections 4.1 and 4.6.
    """
    if code_challenge is None:
        if code_verifier is not None:
            raise _refused("a verifier for a code without a challenge")
        return
    if code_verifier is None or not _VERIFIER.fullmatch(code_verifier):
        raise _refused("no code_verifier, or a malformed one")
    if not hmac.compare_digest(challenge_of(code_verifier), code_challenge):
        raise _refused("the code_verifier does not fit the challenge")


def _refused(detail: str) -> InvalidGrant:
    return InvalidGrant("the code is not valid for this request", detail=detail)
