"""The command `auth-server`: which nouns there are, and how what they answer is told.

A noun's module is imported when that noun is used and not before: `--help` and `health` should not wait for a database driver.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import resource
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from auth_server import __version__
from auth_server.cli.command import Answer, Command, CommandFailed, ExitCode, settings_faults, usage
from auth_server.cli.parsing import PROGRAM, did_you_mean, first_example, parse, summary_lines
from shared.log_line import neutralise
from shared.settings import SettingsError


@dataclass(frozen=True, slots=True)
class Noun:
    """A noun, the module with its `COMMANDS`, and what it is for."""

    name: str
    module: str
    meaning: str


NOUNS: Final = (
    Noun("serve", "auth_server.cli.serve_command", "run the server"),
    Noun("init", "auth_server.cli.init", "make data folder, database and keys ready"),
    Noun("migrate", "auth_server.cli.migrate", "bring the database to this version's schema"),
    Noun("health", "auth_server.cli.health", "ask the running server whether it is ready"),
    Noun("config", "auth_server.cli.config", "check or show the settings"),
    Noun("client", "auth_server.cli.client", "registered clients: create, list, show, update, rotate-secret, ..."),
    Noun("registration-token", "auth_server.cli.registration_token", "who may register clients: create, list, revoke"),
    Noun("user", "auth_server.cli.user", "people's accounts: create, list, show, disable, reset-password, ..."),
    Noun("role", "auth_server.cli.role", "roles: create, list, grant, revoke, ..."),
    Noun("resource", "auth_server.cli.resource", "protected resources: create, list, show, delete"),
    Noun("key", "auth_server.cli.key", "signing keys: list, rotate, burn, ..."),
    Noun("backup", "auth_server.cli.backup", "the database in one file: create, show, restore"),
    Noun("restore", "auth_server.cli.restore", "after the database was restored from a backup: finish"),
    Noun("token", "auth_server.cli.token", "look into a token, or end it"),
    Noun("audit", "auth_server.cli.audit", "the audit log: tail, verify, export"),
    Noun("perform", "auth_server.cli.perform", "be a client: code, client-credentials, device"),
    Noun("session", "auth_server.cli.session", "sign-in sessions: list, revoke"),
)

_EPILOG: Final = f"""\
Settings are environment variables; `{PROGRAM} config show` lists them. Every command takes --help and --json.
exit codes: 0 done, 1 refused, 2 usage, 3 settings, 4 not found, 5 exists already, 6 not migrated, 69 database unavailable
example:
  {PROGRAM} client create --client-id billing --grant client_credentials --scope notes:read"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    # A core dump would hold private keys: not only the server opens them.
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    words = list(sys.argv[1:] if arguments is None else arguments)
    as_json = "--json" in words
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal that cannot show a name must not end the command
    try:
        code = _run(words, as_json=as_json)
        sys.stdout.flush()
    except CommandFailed as failure:
        _tell_failure(failure, as_json=as_json)
        return failure.code
    except SettingsError as error:
        _tell_failure(settings_faults(error.faults), as_json=as_json)
        return ExitCode.SETTINGS
    except SystemExit:  # --help was asked for and printed; a usage error is raised as one
        return ExitCode.OK
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has seen enough (`| head`); Python would complain once more when it flushes at the end.
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.REFUSED
    return code


def _run(words: list[str], *, as_json: bool) -> int:
    if any("\ud800" <= character <= "\udfff" for word in words for character in word):
        raise usage("arguments are UTF-8 text")  # other bytes arrive as lone surrogates, which no database takes
    # `auth-server --json client list` means what it says.
    leading = [word for word in words[:1] if word == "--json"]
    words = words[len(leading) :]
    if words[:1] in ([], ["--help"], ["-h"], ["help"]):
        print(_overview())
        return ExitCode.OK if words else ExitCode.USAGE
    if words[:1] == ["--version"]:
        print(json.dumps({"version": __version__}) if as_json else f"{PROGRAM} {__version__}")
        return ExitCode.OK
    noun = _find_noun(words)
    command, rest = _find_command(noun, words[1:])
    answer = command.run(parse(noun.name, command, [*rest, *leading]))
    _tell(answer, as_json=as_json)
    return answer.code


def _find_noun(words: Sequence[str]) -> Noun:
    for noun in NOUNS:
        if noun.name == words[0]:
            return noun
    hint = did_you_mean(words[0], [noun.name for noun in NOUNS])
    raise usage(f"there is no command {words[0]!r} (see {PROGRAM} --help){hint}")


def _find_command(noun: Noun, words: Sequence[str]) -> tuple[Command, Sequence[str]]:
    commands: tuple[Command, ...] = importlib.import_module(noun.module).COMMANDS
    if not commands[0].verb:
        return commands[0], words
    verb = words[0] if words else None
    if verb in {"--help", "-h", "help"}:
        print(_overview_of(noun, commands))
        raise SystemExit(ExitCode.OK)
    for command in commands:
        if command.verb == verb:
            return command, words[1:]
    verbs = [command.verb for command in commands]
    if verb is None or verb.startswith("-"):
        raise usage(f"say what to do with {noun.name}: {', '.join(verbs)}")
    raise usage(f"{noun.name} has no {verb!r}, but {', '.join(verbs)}{did_you_mean(verb, verbs)}")


def _overview() -> str:
    nouns = summary_lines([(noun.name, noun.meaning) for noun in NOUNS])
    return f"usage: {PROGRAM} COMMAND ...\n\nThe Sealwright auth server and its operators' commands.\n\n{nouns}\n\n{_EPILOG}"


def _overview_of(noun: Noun, commands: Sequence[Command]) -> str:
    verbs = summary_lines([(command.verb, command.summary) for command in commands])
    example = first_example(commands[0])
    return f"usage: {PROGRAM} {noun.name} VERB ...\n\n{noun.meaning}\n\n{verbs}\n\nexample:\n{example}"


def _tell(answer: Answer, *, as_json: bool) -> None:
    if as_json:
        notes = {"notes": list(answer.notes)} if answer.notes else {}
        print(json.dumps({**answer.document, **notes}, indent=2))
        return
    if answer.text:
        print(answer.text)
    for note in answer.notes:
        print(f"note: {neutralise(note)}", file=sys.stderr)


def _tell_failure(failure: CommandFailed, *, as_json: bool) -> None:
    if as_json:
        document = {"error": failure.error, "error_description": "; ".join(failure.sentences)}
        print(json.dumps(document | {"reasons": list(failure.sentences)}), file=sys.stderr)
        return
    print("\n".join(f"{PROGRAM}: {sentence}" for sentence in failure.sentences), file=sys.stderr)
