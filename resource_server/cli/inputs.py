"""Where a token comes from: an argument, `-`, or standard input. At most 64 KiB are read."""

from __future__ import annotations

import os
import stat
import sys
from typing import Final

MAX_CHARACTERS: Final = 64 * 1024


def read_token(argument: str | None) -> str:
    """Return what was given as an argument, or everything on standard input if it is `-` or absent."""
    if argument is not None and argument != "-":
        return argument[:MAX_CHARACTERS]
    if sys.stdin is not None and sys.stdin.isatty():
        # Otherwise nothing happens, and nobody knows why.
        print("Paste the token, then press Enter and Ctrl-D.", file=sys.stderr)
    return _read()


def read_token_if_given() -> str | None:
    """Return what is piped or redirected into standard input; None on a terminal, at an empty input, or without one."""
    try:
        mode = os.fstat(sys.stdin.fileno()).st_mode
    except (OSError, ValueError, AttributeError):
        return None  # closed, or replaced by something that is no file
    if not (stat.S_ISFIFO(mode) or stat.S_ISREG(mode)):
        return None  # a terminal, /dev/null, or a supervisor's socket that would never end
    return _read().strip() or None


def _read() -> str:
    # A token is ASCII; anything else is to be told, not to end the command.
    stream = getattr(sys.stdin, "buffer", None)
    if stream is None:
        return sys.stdin.read(MAX_CHARACTERS)
    raw: bytes = stream.read(MAX_CHARACTERS)
    return raw.decode("utf-8", "replace")
