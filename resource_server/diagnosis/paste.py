"""What somebody pasted in place of a bare access token, and the token that is in it.

The text itself is never repeated: it may be a live refresh token or a password.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from resource_server.diagnosis.report import Mistake
from resource_server.diagnosis.sight import look

# What this product's refresh tokens start with.
_REFRESH_TOKEN: Final = "rt1_"
_HEADER_LINE: Final = re.compile(r"^(?:authorization\s*[:=]\s*)?(?:bearer|dpop)\s+", re.IGNORECASE)
# Out of a header, a cookie, or a member of a JSON answer.
_NAME: Final = re.compile(r"^(?:authorization|(?:__host-)?access_token)[\"']?\s*[:=]\s*", re.IGNORECASE)
_QUOTES: Final = "\"'`“”‘’,;"
_SEGMENT: Final = r"[A-Za-z0-9_-]+"
_COMPACT: Final = re.compile(rf"{_SEGMENT}(?:\.{_SEGMENT})+")
_ELLIPSES: Final = ("…", "...", "..")
_MOST_LAYERS: Final = 6
_PARTS_OF_A_TOKEN: Final = 3
_PARTS_OF_AN_ENCRYPTED_TOKEN: Final = 5
# How many characters of base64url the shortest signature has, by the first two letters of `alg`: RSA of 2048 bits; ES256, Ed25519.
_SHORTEST_SIGNATURES: Final = {"RS": 342, "PS": 342, "ES": 86, "Ed": 86}


@dataclass(frozen=True, slots=True)
class Paste:
    """The token that was meant, as well as it can be told, and what was wrong with how it came."""

    token: str
    mistakes: tuple[Mistake, ...]


def tidy(text: str) -> Paste:
    """Take off what is around a token, and say what it was; then say what it is if it is no access token."""
    token, mistakes = text.strip(), []
    for _ in range(_MOST_LAYERS):
        for layer in _LAYERS:
            peeled = layer(token)
            if peeled is not None:
                token, mistake = peeled[0].strip(), peeled[1]
                mistakes.append(mistake)
                break
        else:
            break
    kind = _kind(token)
    if kind is not None:
        mistakes.append(kind)
    return Paste(token, tuple({mistake.name: mistake for mistake in mistakes}.values()))


Layer = Callable[[str], "tuple[str, Mistake] | None"]


def _token_response(text: str) -> tuple[str, Mistake] | None:
    if not text.startswith("{"):
        return None
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return None
    token = document.get("access_token")
    return (token, TOKEN_RESPONSE) if isinstance(token, str) else None


def _prefixed(text: str) -> tuple[str, Mistake] | None:
    for pattern in (_HEADER_LINE, _NAME):
        if match := pattern.match(text):
            return text[match.end() :], BEARER_PREFIX
    return None


def _quoted(text: str) -> tuple[str, Mistake] | None:
    stripped = text.strip(_QUOTES)
    return (stripped, QUOTED) if stripped != text else None


def _escaped(text: str) -> tuple[str, Mistake] | None:
    plain = re.sub(r"%2[eE]", ".", text)
    return (plain, PERCENT_ENCODED) if plain != text else None


def _wrapped(text: str) -> tuple[str, Mistake] | None:
    joined = re.sub(r"\s+", "", text)
    return (joined, WRAPPED) if joined != text and _COMPACT.fullmatch(joined) else None


_LAYERS: Final[tuple[Layer, ...]] = (_token_response, _prefixed, _quoted, _escaped, _wrapped)


def _kind(token: str) -> Mistake | None:
    """Return what a text is that cannot be a signed token."""
    if not token:
        return NOTHING
    if token.startswith(_REFRESH_TOKEN):
        return REFRESH_TOKEN
    if token.endswith(_ELLIPSES):
        return TRUNCATED
    parts = token.split(".")
    if len(parts) == 1:
        # Every JSON object in base64url starts like this: the first part of a JWT, without the rest.
        return TRUNCATED if token.startswith("eyJ") else OPAQUE_TOKEN
    if len(parts) == _PARTS_OF_AN_ENCRYPTED_TOKEN:
        return ENCRYPTED_TOKEN
    if len(parts) == _PARTS_OF_A_TOKEN - 1 or (len(parts) == _PARTS_OF_A_TOKEN and _is_cut(token, parts[2])):
        return TRUNCATED
    return None


def _is_cut(token: str, signature: str) -> bool:
    algorithm = look(token).header.get("alg")
    return isinstance(algorithm, str) and len(signature) < _SHORTEST_SIGNATURES.get(algorithm[:2], 0)


NOTHING: Final = Mistake(
    "nothing_pasted", "There is no token here.", "Give the token as an argument, or - and on standard input."
)
TOKEN_RESPONSE: Final = Mistake(
    "token_response",
    "This is the whole JSON answer of a token endpoint, not the token in it.",
    "Send the member `access_token` alone.",
)
BEARER_PREFIX: Final = Mistake(
    "bearer_prefix",
    "The text starts with the name of the header, of the scheme, of the cookie or of the member, which is not part of the token.",
    "If the client sends it like this, it sends `Bearer Bearer ...`: put the scheme there once.",
)
QUOTED: Final = Mistake(
    "quoted",
    "There are quotation marks, a comma or a semicolon around the token.",
    "Take them off where the client reads the token from (JSON, an .env file): they are not part of it.",
)
PERCENT_ENCODED: Final = Mistake(
    "percent_encoded", "The token is encoded for an address (%2E).", "Decode it once where the client reads it from."
)
WRAPPED: Final = Mistake(
    "wrapped",
    "The token is broken over several lines, or has spaces in it.",
    "Copy it from where lines are not wrapped; a token is one word.",
)
TRUNCATED: Final = Mistake(
    "truncated",
    "The token is cut off: part of it is missing.",
    "Copy the whole of it. If the client sends it so, look for a column, a header or a log that is too short for it.",
)
REFRESH_TOKEN: Final = Mistake(
    "refresh_token",
    "This is a refresh token. It is for the auth server's token endpoint alone, and no API takes it.",
    "Send the access token. Whoever saw this refresh token could use it: end its session if it was shown to others.",
)
OPAQUE_TOKEN: Final = Mistake(
    "opaque_token",
    "This is no JWT: an opaque token, an API key or something else that only its issuer can read.",
    "Send an access token that this issuer made for this API (some issuers make opaque ones when no audience is asked for).",
)
ENCRYPTED_TOKEN: Final = Mistake(
    "encrypted_token",
    "This is an encrypted token (JWE): only the API that holds its key can look into it.",
    "Use it with that API. If this is the one, set RESOURCE_SERVER_ENCRYPTED_TOKENS=true (docs/encrypted-tokens.md).",
)
