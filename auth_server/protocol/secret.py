"""A value that must not be seen: it has no text form but the one that is asked for by name."""

from __future__ import annotations

import hmac
from typing import Final

LEAST_KEY_BYTES: Final = 32


def checked_key(key: bytes) -> bytes:
    """Return a secret key of the server, if it is long enough to make anything hard to guess.

    Raises:
        ValueError: it has less than 32 bytes.
    """
    if len(key) < LEAST_KEY_BYTES:
        raise ValueError(f"the key must have at least {LEAST_KEY_BYTES} bytes")
    return key


class Secret:
    """A secret string. `repr`, `str` and formatting give `***`; comparison takes the same time whatever differs."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the secret itself, for the one place that needs it."""
        return self._value

    def __repr__(self) -> str:
        return "***"

    def __format__(self, spec: str) -> str:
        return "***"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._value.encode(), other._value.encode())

    def __hash__(self) -> int:
        raise TypeError("a secret is not hashable")
