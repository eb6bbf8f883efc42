"""JSON with one meaning: unique members, real text, bounded numbers and depth (RFC 8259, RFC 7493, RFC 8725 section 3.7).

What the standard library's parser lets through, and two parsers may read differently, is refused here: a member named twice, `NaN`
and `Infinity`, `1e400`, lone surrogates, NUL, a byte order mark, text after the value. Values come back frozen.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any, Final, NoReturn, TypeAlias

Json: TypeAlias = "str | int | float | bool | tuple[Json, ...] | FrozenObject | None"

MAX_DEPTH: Final = 16
# I-JSON's interoperable integers (RFC 7493 section 2.2): a bigger one is another number to the next reader.
_MAX_INTEGER: Final = 2**53
_MIN_INTEGER: Final = -_MAX_INTEGER
_WHITE_SPACE: Final = " \t\n\r"


class FrozenObject(dict[str, Any]):
    """A JSON object that cannot be changed; still a `dict`, so that it can be serialized and compared as one."""

    __slots__ = ()

    def _refuse(self, *_arguments: object, **_members: object) -> NoReturn:
        raise TypeError("verified claims cannot be changed; take a copy with dict(...)")

    __setitem__ = _refuse
    __delitem__ = _refuse
    __ior__ = _refuse
    clear = _refuse
    pop = _refuse
    popitem = _refuse
    setdefault = _refuse
    update = _refuse

    def __reduce__(self) -> tuple[type[FrozenObject], tuple[dict[str, Any]]]:
        return FrozenObject, (dict(self),)

    def copy(self) -> dict[str, Any]:
        """Return a plain, changeable dict with the same members."""
        return dict(self)


class MixedList(tuple[Any, ...]):
    """A JSON list that holds something else than strings; a list of strings alone becomes a plain tuple."""

    __slots__ = ()


# `FrozenObject` refuses its own; this one still works, and only this file uses it, before the value is let out.
_set: Final[Callable[[FrozenObject, str, object], None]] = dict.__setitem__


def parse_object(raw: bytes) -> FrozenObject:
    """Return the JSON object that `raw` spells.

    Raises:
        ValueError: not UTF-8, not one JSON object, or an object that two parsers could read differently.
    """
    return FrozenObject(parse_members(raw))


def parse_members(raw: bytes) -> dict[str, Any]:
    """Like `parse_object`, for whoever freezes the object later: its values are frozen, and itself it may still be a plain dict,
    which is quicker to look into.

    Raises:
        ValueError: as `parse_object`.
    """
    text = raw.decode("utf-8")
    if "\\" in text:
        return _parse_any(text)
    # Most claims are texts, numbers and lists of texts without an escape, and need no call for each object.
    try:
        members, end = _scan_flat(text, 0)
    except (StopIteration, RecursionError) as error:
        raise _unreadable(error) from error
    if end != len(text) or type(members) is not dict:
        raise ValueError("not exactly one JSON object")
    strings = _freeze_flat(members)
    if strings is None:
        return _parse_any(text)
    # Without escapes every quotation mark begins or ends a string. Of a member that was named twice one name is lost, so the marks
    # are more than what is left accounts for.
    if text.count('"') != 2 * strings:
        raise ValueError("a member is named twice")
    return members


def _freeze_flat(members: dict[str, Any]) -> int | None:
    """Make tuples of the lists in an object and return how many strings it holds, names included; None if it is not flat."""
    strings = 2 * len(members)
    for name, value in members.items():
        kind = type(value)
        if kind is str:
            continue
        strings -= 1
        if kind is int:
            if not _MIN_INTEGER < value < _MAX_INTEGER:
                raise ValueError("an integer is too large")
        elif kind is list:
            try:
                "".join(value)  # the quickest way to learn whether all of them are strings
            except TypeError:
                return None
            strings += len(value)
            members[name] = tuple(value)  # allowed while iterating: the dict does not change its size
        elif kind is dict:
            return None
    return strings


def parse_object_with_space(raw: bytes) -> FrozenObject:
    """Like `parse_object`, and allow white space around the object, as a document or a request body may have it."""
    return parse_object(raw.strip(_WHITE_SPACE.encode()))


def _parse_any(text: str) -> FrozenObject:
    try:
        value, end = _scan(text, 0)
    except (StopIteration, RecursionError) as error:
        raise _unreadable(error) from error
    if end != len(text) or type(value) is not FrozenObject:
        raise ValueError("not exactly one JSON object")
    _freeze_members(value, 1)
    if "\\" in text:
        # Only an escape can spell NUL or half a surrogate pair: raw ones fail in decode() and in the scanner.
        _check_strings(value)
    return value


def _unreadable(error: StopIteration | RecursionError) -> ValueError:
    # StopIteration is the scanner's way to say that no value starts there.
    return ValueError("not a JSON value" if isinstance(error, StopIteration) else "nested too deep")


def _members(pairs: list[tuple[str, object]]) -> FrozenObject:
    members = FrozenObject(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member is named twice")
    return members


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number is too large")
    return number


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_decoder: Final = json.JSONDecoder(object_pairs_hook=_members, parse_float=_finite, parse_constant=_no_constant)
# Not `decode`, which spends two regular expressions on white space; and, where the interpreter has it, the scanner in C itself.
_scan: Final[Callable[[str, int], tuple[Any, int]]] = getattr(_decoder, "scan_once", _decoder.raw_decode)
# Leaves objects as plain dicts, so a member that is named twice goes unnoticed by it.
_flat_decoder: Final = json.JSONDecoder(parse_float=_finite, parse_constant=_no_constant)
_scan_flat: Final[Callable[[str, int], tuple[Any, int]]] = getattr(_flat_decoder, "scan_once", _flat_decoder.raw_decode)


def _freeze_members(members: FrozenObject, depth: int) -> None:
    for name, value in members.items():
        kind = type(value)
        if kind is str:
            continue
        if kind is int:
            if not _MIN_INTEGER < value < _MAX_INTEGER:
                raise ValueError("an integer is too large")
        elif kind is list:
            # Setting an existing key while iterating is allowed: the dict does not change its size.
            for element in value:
                if type(element) is not str:
                    _set(members, name, _frozen_list(value, depth + 1))
                    break
            else:
                _set(members, name, tuple(value))
        elif kind is FrozenObject:
            _freeze_nested(value, depth + 1)


def _freeze_nested(members: FrozenObject, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise ValueError("nested too deep")
    _freeze_members(members, depth)


def _frozen_list(values: list[Any], depth: int) -> tuple[Json, ...]:
    if depth > MAX_DEPTH:
        raise ValueError("nested too deep")
    for index, value in enumerate(values):
        kind = type(value)
        if kind is int and not _MIN_INTEGER < value < _MAX_INTEGER:
            raise ValueError("an integer is too large")
        if kind is list:
            values[index] = _frozen_list(value, depth + 1)
        elif kind is FrozenObject:
            _freeze_nested(value, depth + 1)
    return MixedList(values)


def _check_strings(value: object) -> None:
    if isinstance(value, str):
        if "\x00" in value:
            raise ValueError("a string holds NUL")
        value.encode("utf-8")  # UnicodeEncodeError, which is a ValueError, for a lone surrogate
    elif isinstance(value, FrozenObject):
        for name, member in value.items():
            _check_strings(name)
            _check_strings(member)
    elif isinstance(value, tuple):
        for element in value:
            _check_strings(element)
