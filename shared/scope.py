"""The scope string and the set it spells (RFC 6749 section 3.3)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

# scope-token = 1*( %x21 / %x23-5B / %x5D-7E ): printable ASCII without space, double quote and backslash.
_SCOPE_CHARACTERS: Final = frozenset(chr(code) for code in (0x21, *range(0x23, 0x5C), *range(0x5D, 0x7F)))


def is_scope_token(text: str) -> bool:
    """Say whether `text` is one well-formed scope-token."""
    return bool(text) and _SCOPE_CHARACTERS.issuperset(text)


def parse(text: str) -> frozenset[str]:
    """Return the set of scopes in a space-separated scope string; the empty string is the empty set.

    Raises:
        ValueError: a separator other than single spaces, or a character that no scope-token holds.
    """
    if not text:
        return frozenset()
    tokens = text.split(" ")
    if not all(is_scope_token(token) for token in tokens):
        raise ValueError("malformed scope")
    return frozenset(tokens)


def format(scopes: Iterable[str]) -> str:
    """Return the scope string of a set, sorted so that equal sets have one spelling."""
    return " ".join(sorted(scopes))
