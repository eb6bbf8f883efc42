"""What a command is: its words, its arguments, what it answers, and with which exit code it ends."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum


class ExitCode(IntEnum):
    """Every status a command may end with. 69 and 130 are the numbers that shells and `sysexits.h` know."""

    OK = 0
    REFUSED = 1  # understood, and not done; also: not ready (health), not valid (token inspect)
    USAGE = 2  # unknown command or option, missing argument, no confirmation
    SETTINGS = 3  # the environment, the key file or the declarative file holds faults
    NOT_FOUND = 4  # no client, user, role, resource, session of that name
    EXISTS = 5  # the name is taken, and --if-missing was not said
    NOT_MIGRATED = 6  # the schema is not the one this version needs
    UNAVAILABLE = 69  # the database does not answer
    INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command has to say: one JSON document, and the same for a person.

    `notes` go beside it (standard error, or the member `notes`): things worth knowing that are no failure.
    """

    document: Mapping[str, object]
    text: str
    notes: tuple[str, ...] = ()
    code: ExitCode = ExitCode.OK


class CommandFailed(Exception):
    """An expected failure: how to end, one word for programs, and a sentence for each reason. Never a traceback."""

    def __init__(self, code: ExitCode, error: str, *sentences: str) -> None:
        super().__init__("; ".join(sentences))
        self.code = code
        self.error = error
        self.sentences = sentences


def usage(sentence: str) -> CommandFailed:
    """Return the failure of somebody who typed something that means nothing."""
    return CommandFailed(ExitCode.USAGE, "usage", sentence)


def not_found(sentence: str) -> CommandFailed:
    """Return the failure of a name that nothing has."""
    return CommandFailed(ExitCode.NOT_FOUND, "not_found", sentence)


def refused(*sentences: str, error: str = "refused") -> CommandFailed:
    """Return the failure of something that was understood and will not be done."""
    return CommandFailed(ExitCode.REFUSED, error, *sentences)


def settings_faults(faults: Sequence[str]) -> CommandFailed:
    """Return the failure of wrong settings: all faults at once."""
    return CommandFailed(ExitCode.SETTINGS, "settings", *faults)


def _no_arguments(_parser: argparse.ArgumentParser) -> None:
    """Most commands that look take nothing."""


@dataclass(frozen=True, slots=True)
class Command:
    """One command. `verb` is empty for a noun that is a command by itself (`init`).

    `meaning` is a paragraph, `examples` are lines to copy. `run` gets the parsed arguments; it raises CommandFailed.
    """

    verb: str
    summary: str
    meaning: str
    examples: tuple[str, ...]
    run: Callable[[argparse.Namespace], Answer]
    arguments: Callable[[argparse.ArgumentParser], None] = field(default=_no_arguments)
