"""What commands read besides their arguments: secrets from files or standard input, and a person's confirmation."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Final

from auth_server.cli.command import CommandFailed, ExitCode, refused, usage
from auth_server.protocol.secret import Secret
from shared import scope

_MAX_BYTES: Final = 64 * 1024
PAGE: Final = 100
# How a person may be named; `Administration.find` knows each.
WHO: Final = "user name, verified mail address, or sub"


def add_page_options(parser: argparse.ArgumentParser) -> None:
    """Let a list be read page by page."""
    parser.add_argument("--limit", type=row_count, default=PAGE, metavar="N", help=f"rows at most, 1 to 1000 (default {PAGE})")
    parser.add_argument("--after", default="", metavar="NAME", help="begin behind this name: the `next` of the page before")


def add_user(parser: argparse.ArgumentParser) -> None:
    """Let a person be named."""
    parser.add_argument("user", metavar="USER", help=WHO)


def add_if_missing(parser: argparse.ArgumentParser) -> None:
    """Let a creation be repeated."""
    parser.add_argument("--if-missing", action="store_true", help="succeed, and change nothing, when the name exists already")


def add_yes(parser: argparse.ArgumentParser) -> None:
    """Let a deletion be confirmed beforehand."""
    parser.add_argument("--yes", action="store_true", help="do not ask")


def read_secret(path: str) -> Secret:
    """Return the one line of a file, or of standard input for `-`, without its line end.

    Raises:
        CommandFailed: it cannot be read, is empty, or holds more than one line.
    """
    try:
        raw = sys.stdin.buffer.read(_MAX_BYTES) if path == "-" else _read(Path(path))
        text = raw.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "not UTF-8 text"
        raise CommandFailed(ExitCode.USAGE, "unreadable_file", f"cannot read {path}: {why}") from error
    lines = text.splitlines()
    if len(lines) != 1 or not lines[0]:
        raise CommandFailed(ExitCode.USAGE, "unreadable_file", f"{path} must hold one line, and holds {len(lines) or 'none'}")
    return Secret(lines[0])


def read_argument(value: str) -> str:
    """Return an argument, or for `-` the line on standard input, without white space around it."""
    return read_secret("-").reveal().strip() if value == "-" else value.strip()


def scopes_of(values: list[str] | None) -> frozenset[str]:
    """Return the scopes of repeated `--scope "a b"` options.

    Raises:
        CommandFailed: one is malformed.
    """
    words = [word for value in values or [] for word in value.split()]
    for word in words:
        if not scope.is_scope_token(word):
            raise usage(f"malformed scope {word!r}")
    return frozenset(words)


def confirm(given: argparse.Namespace, what: str, name: str) -> None:
    """Go on only when `--yes` was said, or when somebody at a terminal types the name.

    Raises:
        CommandFailed: not confirmed.
    """
    if given.yes:
        return
    if not sys.stdin.isatty() or given.json:
        raise usage(f"{what} cannot be undone: say --yes")
    print(f"{what} cannot be undone. Type {name} to go on: ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip() != name:
        raise refused("nothing was changed", error="not_confirmed")


def row_count(text: str) -> int:
    """Read how many rows are wanted, for an option's `type`."""
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 1000:
        raise argparse.ArgumentTypeError("must be a whole number from 1 to 1000")
    return int(text)


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_MAX_BYTES)
