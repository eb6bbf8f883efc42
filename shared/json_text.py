"""Compact JSON text, by an encoder that is made once.

`json.dumps` with options, and `JSONEncoder.encode` as well, make a new encoder for each call, which costs as much as encoding a token's
claims does. Both servers write their log lines and answers with this.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from json import encoder
from typing import Final

_ENCODERS: Final = {
    ascii_only: json.JSONEncoder(ensure_ascii=ascii_only, separators=(",", ":"), allow_nan=False) for ascii_only in (True, False)
}


def _refuse(value: object) -> object:
    raise TypeError(f"{type(value).__name__} is no JSON")


def _made(*, ascii_only: bool) -> Callable[[object], str]:
    make: Callable[..., Callable[[object, int], Iterable[str]]] | None = getattr(encoder, "c_make_encoder", None)
    if make is None:  # an interpreter without the accelerator
        return _ENCODERS[ascii_only].encode
    spell = encoder.encode_basestring_ascii if ascii_only else encoder.encode_basestring
    pieces = make(None, _refuse, spell, None, ":", ",", False, False, False)
    return lambda value: "".join(pieces(value, 0))


# Both refuse NaN and Infinity, which are no JSON (RFC 8259 section 6), and whatever has no JSON form. ASCII alone is what goes into
# headers and tokens; the other keeps text as it is.
to_ascii: Final = _made(ascii_only=True)
to_text: Final = _made(ascii_only=False)
