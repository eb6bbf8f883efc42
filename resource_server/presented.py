"""A token as somebody presented it, made ready to be judged."""

from __future__ import annotations

from resource_server.decryption import DecryptionKeys, is_encrypted
from resource_server.verifier.errors import MalformedToken, NoToken, TokenTooLarge
from shared import jose


def compact_of(token: str | bytes, decryption: DecryptionKeys | None = None) -> bytes:
    """Return the signed token (a compact JWS) that was presented, taken out of its encryption if it came in one.

    Raises:
        NoToken: neither text nor bytes.
        MalformedToken: not ASCII.
        TokenTooLarge: more than 8 KiB.
        TokenRefused: encrypted, and not to be opened.
    """
    if isinstance(token, str):
        try:
            compact = token.encode("ascii")
        except UnicodeEncodeError as error:
            raise MalformedToken("not ASCII") from error
    elif isinstance(token, bytes):
        compact = token
    else:
        raise NoToken("neither str nor bytes")
    if decryption is not None and is_encrypted(compact):
        return decryption.open(compact)
    if len(compact) > jose.MAX_COMPACT_BYTES:
        # Before the digest: a refusal must cost less than the request.
        raise TokenTooLarge(f"{len(compact)} bytes, expected at most {jose.MAX_COMPACT_BYTES}")
    return compact
