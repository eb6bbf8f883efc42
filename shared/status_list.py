"""Token Status List (draft-ietf-oauth-status-list-21): one bit for each token, packed, compressed, and spelt in a signed token.

    header   {"typ": "statuslist+jwt"}
    claims   {"sub": <address of the list>, "iat", "exp"?, "ttl"?, "status_list": {"bits": 1, "lst": <base64url of zlib>}}
    a token  {"status": {"status_list": {"idx": 4711, "uri": <address of the list>}}}

A list of the length of a million tokens is 125 KB, but its compressed form may be anybody's: it is inflated to a bound and no further.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import Final

from shared import base64url

# `typ` and, behind `application/`, media type (sections 5.1 and 8.1 of the draft).
STATUS_LIST_TYPE: Final = "statuslist+jwt"
# The claim of a token that has a place in a list (section 6.1), and the member of both tokens.
STATUS: Final = "status"
STATUS_LIST: Final = "status_list"
PATH: Final = "/status-lists"

# Of a hundred million tokens, and slack. What inflates further is no list but an attack.
MAX_BYTES: Final = 12_500_000 + 64 * 1024
_LEVEL: Final = 9


def encode(indexes: Iterable[int], size: int) -> str:
    """Return `lst` of a list of `size` tokens in which these are revoked; the first index is the least bit of the first byte.

    Raises:
        ValueError: an index is outside the list.
    """
    octets = bytearray((size + 7) // 8)
    for index in indexes:
        if not 0 <= index < size:
            raise ValueError("an index is outside the status list")
        octets[index >> 3] |= 1 << (index & 7)
    return base64url.encode(zlib.compress(bytes(octets), _LEVEL))


def decode(lst: str, *, most: int = MAX_BYTES) -> bytes:
    """Return the octets of `lst`.

    Args:
        most: octets that it may inflate to; one more and it is refused, before anything else is inflated.

    Raises:
        ValueError: not base64url of zlib, cut short, followed by something, or too large.
    """
    packed = base64url.decode(lst.encode("ascii"))
    inflater = zlib.decompressobj()
    try:
        octets = inflater.decompress(packed, most + 1)
    except zlib.error as error:
        raise ValueError("the status list is not zlib") from error
    if len(octets) > most:
        raise ValueError("the status list is too large")
    if not inflater.eof or inflater.unused_data:
        raise ValueError("the status list is cut short, or something follows it")
    return octets


def is_set(octets: bytes, index: int) -> bool:
    """Say whether a token is revoked.

    Raises:
        ValueError: the list has no such index, which the draft makes a refusal (section 8.3).
    """
    if not 0 <= index < len(octets) * 8:
        raise ValueError("the index is outside the status list")
    return bool(octets[index >> 3] >> (index & 7) & 1)
