"""The compact serialization up to its header; the payload stays closed (RFC 7515 section 7.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

from resource_server.verifier import strict_json
from resource_server.verifier.errors import AlgorithmNotAllowed, ForbiddenHeader, MalformedToken, TokenTooLarge, WrongType
from shared import base64url, jose

MAX_KEY_ID_CHARACTERS: Final = 256


# Header, payload, signing input and signature of a compact JWS whose size and number of parts are acceptable; the first three as they came,
# in base64url. Nothing in it may be believed. A plain tuple, since every request takes one apart.
UnverifiedToken: TypeAlias = tuple[bytes, bytes, bytes, bytes]


@dataclass(frozen=True, slots=True)
class Header:
    """What the header says, in an acceptable form. It chooses nothing but which of the issuer's keys is tried."""

    algorithm: str
    key_id: str


def split(compact: bytes, most: int = jose.MAX_COMPACT_BYTES) -> UnverifiedToken:
    """Return the parts of a token: header, payload, signing input, signature.

    Raises:
        TokenTooLarge: more than `most` bytes (8 KiB), told before anything is copied or decoded.
        MalformedToken: not exactly three parts, or a signature that is not canonical base64url.
    """
    if len(compact) > most:
        raise TokenTooLarge(f"{len(compact)} bytes, expected at most {most}")
    signing_input, _, tail = compact.rpartition(b".")
    header, dot, payload = signing_input.partition(b".")
    if not dot or b"." in payload:
        raise MalformedToken("not three parts")
    try:
        return header, payload, signing_input, base64url.decode(tail)
    except ValueError as error:
        raise MalformedToken(f"signature: {error}") from error


def parse_header(
    segment: bytes, types: frozenset[str] = jose.ACCESS_TOKEN_TYPES, ignored: frozenset[str] = frozenset()
) -> Header:
    """Return what an acceptable header says.

    Args:
        types: `typ` values that are taken, in lower case; the empty text stands for none at all.
        ignored: members that would be refused, and are passed over.

    Raises:
        MalformedToken: not canonical base64url of one strict JSON object, or `kid` is not a string of sane length, or `cty` no string.
        ForbiddenHeader: `jwk`, `jku`, `x5c`, `x5u`, `crit`, `b64`, `zip` and their like.
        AlgorithmNotAllowed: `alg` is not a string.
        WrongType: `typ` is none of `types` (`at+jwt` or `application/at+jwt`), in any case.

    Source: RFC 9068 section 4, RFC 8725 sections 3.1, 3.10 and 3.11.
    """
    try:
        members = strict_json.parse_object(base64url.decode(segment))
    except ValueError as error:
        raise MalformedToken(f"header: {error}") from error
    forbidden = (jose.FORBIDDEN_HEADER_MEMBERS & members.keys()) - ignored
    if forbidden:
        raise ForbiddenHeader(f"header members {', '.join(sorted(forbidden))}, expected none of these")
    algorithm = members.get("alg")
    if type(algorithm) is not str:
        raise AlgorithmNotAllowed("`alg` is missing or no string")
    kind = members.get("typ")
    if (type(kind) is not str and "typ" in members) or (kind or "").lower() not in types:
        raise WrongType(
            f"got typ {kind!r}, expected {jose.ACCESS_TOKEN_TYPE!r}; no other JWT, such as an ID token, is an access token"
        )
    if type(members.get("cty", "")) is not str:
        # A member that RFC 7515 section 4.1 gives a type; another reader refuses it, so the two would not agree.
        raise MalformedToken("`cty` is no string")
    key_id = members.get("kid")
    if type(key_id) is not str or not 0 < len(key_id) <= MAX_KEY_ID_CHARACTERS:
        raise MalformedToken("`kid` is missing, no string, or too long")
    return Header(algorithm, key_id)
