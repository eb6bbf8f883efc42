"""User codes: what a person reads on one device and types on another (RFC 8628 section 6.1)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

# No vowels, so no words; none of the digits and letters that look like others. 20^8 is 34.6 bits.
ALPHABET: Final = "BCDFGHJKLMNPQRSTVWXZ"
LENGTH: Final = 8
_HALF: Final = LENGTH // 2
# What people type between the halves, dashes of every kind included.
_BETWEEN: Final = frozenset(" -‐‑‒–—_.·\t")


def make(random_below: Callable[[int], int]) -> str:
    """Return a new code, without its dash. `random_below(n)` returns a number from 0 to n - 1 that nobody can guess."""
    return "".join(ALPHABET[random_below(len(ALPHABET))] for _ in range(LENGTH))


def shown(code: str) -> str:
    """Return a code as it is shown: two halves with a dash."""
    return f"{code[:_HALF]}-{code[_HALF:]}"


def normalise(typed: str) -> str | None:
    """Return the code that was typed, whatever its case and dashes; None when it can be none."""
    if len(typed) > 4 * LENGTH:
        return None
    code = "".join(character for character in typed if character not in _BETWEEN).upper()
    return code if len(code) == LENGTH and all(character in ALPHABET for character in code) else None
