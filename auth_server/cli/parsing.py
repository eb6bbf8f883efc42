"""Read a command line: one parser for the one command that was asked for, errors that say what was meant."""

from __future__ import annotations

import argparse
import difflib
import textwrap
from collections.abc import Iterable, Sequence
from typing import Final, NoReturn

from auth_server.cli.command import Command, usage

PROGRAM: Final = "auth-server"
_WIDTH: Final = 96


class Parser(argparse.ArgumentParser):
    """argparse, but an error is raised and not printed, for it may have to be JSON; and it knows what its options are called."""

    @property
    def options(self) -> list[str]:
        """Return every option there is, those of groups too: argparse keeps one table for all of them."""
        return list(self._option_string_actions)

    def error(self, message: str) -> NoReturn:
        """Raise what argparse would print.

        Raises:
            CommandFailed: with USAGE, always.
        """
        raise usage(f"{message}; see {self.prog} --help")

    def check_options(self, arguments: Sequence[str]) -> None:
        """Refuse an option that does not exist before argparse says that the one it was meant to be is missing.

        Raises:
            CommandFailed: with USAGE.
        """
        for argument in arguments:
            name = argument.partition("=")[0]
            if name == "--":
                return
            if name.startswith("--") and name not in self.options:
                raise usage(f"unknown option {name} (see {self.prog} --help){did_you_mean(name, self.options)}")


def parse(noun: str, command: Command, arguments: Sequence[str]) -> argparse.Namespace:
    """Return the arguments of a command.

    Raises:
        CommandFailed: with USAGE; an unknown option is told with the one that looks like it.
        SystemExit: --help was asked for, and printed.
    """
    parser = parser_of(noun, command)
    parser.check_options(arguments)
    return parser.parse_args(arguments)


def parser_of(noun: str, command: Command) -> Parser:
    """Return the parser of one command."""
    name = " ".join(word for word in (PROGRAM, noun, command.verb) if word)
    examples = indented(command.examples)
    parser = Parser(
        prog=name,
        description="\n".join(_wrapped(command.meaning, _WIDTH)),
        epilog=f"example{'s' if len(command.examples) > 1 else ''}:\n{examples}",
        formatter_class=_Formatter,
        allow_abbrev=False,
    )
    command.arguments(parser)
    parser.add_argument("--json", action="store_true", help="answer with one JSON document; errors too, on standard error")
    return parser


def first_example(command: Command) -> str:
    """Return the first of a command's examples whole: a line that ends in a backslash goes on in the next one."""
    lines = list(command.examples)
    end = next(number for number, line in enumerate(lines, 1) if not line.endswith("\\"))
    return indented(lines[:end])


def indented(lines: Iterable[str]) -> str:
    """Return lines as a block of a help text."""
    return "\n".join(f"  {line}" for line in lines)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return `; did you mean X?` for a word that looks like a known one, else nothing."""
    close = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean {close[0]}?" if close else ""


def summary_lines(rows: Sequence[tuple[str, str]]) -> str:
    """Return names and meanings in two columns."""
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"  {name.ljust(width)}  {meaning}" for name, meaning in rows)


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Breaks no line within a word: half a command or half an option is of no use to whoever copies it."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=34, width=_WIDTH)

    def _split_lines(self, text: str, width: int) -> list[str]:
        return _wrapped(text, width)


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, break_on_hyphens=False)
