"""One JSON object a line: the form of every log line of both servers.

Pure: fields in, text out. Values are encoded, never interpolated, so no value can forge a line; control, escape and bidirectional
characters are neutralised; long values are cut; a member whose name speaks of a secret is masked whatever it holds.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from shared import json_text

MASK: Final = "***"
MAX_VALUE_CHARACTERS: Final = 256
_SECRET_WORDS: Final = (
    "password",
    "secret",
    "token",
    "authorization",
    "cookie",
    "code_verifier",
    "assertion",
    "private",
    "credential",
)
# Members whose name holds one of the words above, and whose value is safe all the same.
_NOT_SECRET: Final = frozenset({"token_type", "token_endpoint", "token_refused", "tokens_issued"})
# What each line begins with; a member of that name is told under another one.
_OWN_NAMES: Final = frozenset({"ts", "level", "event"})
_REMEMBERED_CHARACTERS: Final = 64
# Control (Cc), format (Cf: bidirectional overrides among them), surrogate, and the two line separators.
_NEUTRALISED: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def neutralise(text: str, most: int = MAX_VALUE_CHARACTERS) -> str:
    """Return `text` safe to print on a terminal: escapes for what could move the cursor or turn the line, and at most `most` characters."""
    cut = text if len(text) <= most else text[:most] + "…"
    if cut.isascii() and cut.isprintable():
        return cut
    return "".join(f"\\u{ord(c):04x}" if unicodedata.category(c) in _NEUTRALISED else c for c in cut)


@lru_cache(maxsize=1024)  # the same few names stand on every line
def is_secret_name(name: str) -> bool:
    """Say whether a member of this name is masked."""
    lowered = name.lower()
    return lowered not in _NOT_SECRET and any(word in lowered for word in _SECRET_WORDS)


def format_line(epoch_seconds: float, level: str, event: str, fields: Mapping[str, object]) -> str:
    """Return the line, without its line feed. `ts` is RFC 3339 in UTC with milliseconds; members that are None are left out.

    A member that is called like one that every line begins with is told as `field_…`, so that none takes the other's place.
    """
    if not _OWN_NAMES.isdisjoint(fields):
        fields = {f"field_{name}" if name in _OWN_NAMES else name: value for name, value in fields.items()}
    pieces = [f'{{"ts":"{_stamp(epoch_seconds)}","level":"{level}","event":{_spelt(event)}']
    for name, value in fields.items():
        if value is None:
            continue
        key, is_masked = _named(name)
        pieces.append(key)
        if not is_masked:
            pieces.append(_value(value))
    pieces.append("}")
    return "".join(pieces)


@lru_cache(maxsize=1024)  # the same few names stand on every line
def _named(name: str) -> tuple[str, bool]:
    key = f",{json_text.to_text(name)}:"
    return (key + json_text.to_text(MASK), True) if is_secret_name(name) else (key, False)


def _value(value: object) -> str:
    if isinstance(value, str):
        text = str(value)
        return _spelt(text) if len(text) <= _REMEMBERED_CHARACTERS else json_text.to_text(neutralise(text))
    return repr(value) if type(value) is int else json_text.to_text(_safe(value))


@lru_cache(maxsize=1024)  # methods, paths, outcomes and addresses come again and again; long values do not
def _spelt(text: str) -> str:
    return json_text.to_text(neutralise(text))


def _stamp(epoch_seconds: float) -> str:
    second = math.floor(epoch_seconds)
    return f"{_date_and_time(second)}.{int((epoch_seconds - second) * 1000):03d}Z"


@lru_cache(maxsize=8)  # lines come by the thousand a second
def _date_and_time(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).replace(tzinfo=None).isoformat()


def _safe(value: object) -> object:
    if type(value) is str:
        return neutralise(value)
    if isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    if isinstance(value, Mapping):
        return {neutralise(str(k)): MASK if is_secret_name(str(k)) else _safe(v) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_safe(v) for v in value]
    return neutralise(str(value))
