"""How much room there is to tell something in."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Sequence
from typing import Final

# Between these a drawing or a sentence can still be read.
_NARROWEST: Final = 60
_WIDEST: Final = 140
_ELSEWHERE: Final = (120, 24)


def terminal_width() -> int:
    """Return how many characters the terminal is wide, `COLUMNS` if that is set, or 120 for what goes into a file or a pipe."""
    return min(max(shutil.get_terminal_size(_ELSEWHERE).columns, _NARROWEST), _WIDEST)


def wrapped(rows: Sequence[tuple[str, str]], width: int) -> str:
    """Return two columns, of which the second one is wrapped within its own."""
    first = max(len(name) for name, _ in rows)
    indent = " " * (first + 4)
    return "\n".join(
        textwrap.fill(words, width, initial_indent=f"  {name.ljust(first)}  ", subsequent_indent=indent) for name, words in rows
    )
