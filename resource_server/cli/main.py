"""Which commands there are, and what each takes.

Exit codes: 0 good; 1 not healthy, or refused; 2 wrong usage or wrong settings; 3 cannot listen; 4 undecided, for want of the issuer's keys.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import json
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any, Final

from resource_server.cli import doctor, explain, health
from resource_server.cli.codes import CANNOT_LISTEN, OK, UNHEALTHY, WRONG_SETTINGS
from resource_server.settings import Settings, load_settings, shown
from shared.settings import SettingsError

Command = Callable[[Settings, argparse.Namespace], int]

_OVERRIDES: Final = (("issuer", "ISSUER"), ("audience", "AUDIENCE"), ("metadata_url", "METADATA_URL"))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    parser = _parser()
    if not (sys.argv[1:] if arguments is None else arguments):
        parser.print_help()
        return WRONG_SETTINGS
    given = parser.parse_args(arguments)
    overrides = {name: value for word, name in _OVERRIDES if (value := getattr(given, word, None)) is not None}
    try:
        settings = load_settings(overrides=overrides)
    except SettingsError as error:
        if given.command is doctor.run:
            return doctor.tell_faults(error.faults, as_json=given.json)
        _tell_faults(error, as_json=getattr(given, "json", False))
        return WRONG_SETTINGS
    try:
        code: int = given.command(settings, given)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read our output has seen enough (`| head`); Python would complain once more when it flushes at the end.
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return UNHEALTHY
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="resource-server",
        description="Verifies access tokens offline, with the issuer's public keys; says why when it refuses one.",
        epilog="Settings are environment variables; `resource-server config show` lists them.\n"
        "exit codes: 0 good, 1 not healthy or refused, 2 usage or settings, 3 cannot listen, 4 undecided without the issuer's keys\n"
        "example:\n  RESOURCE_SERVER_ISSUER=https://id.example.com \\\n"
        "  RESOURCE_SERVER_AUDIENCE=https://notes.example.com resource-server doctor",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    if importlib.util.find_spec("resource_server.demo") is not None:  # the kit's own distribution goes without it
        _add(
            commands,
            "serve",
            _serve,
            "run the notes API until SIGTERM or SIGINT",
            "RESOURCE_SERVER_PORT=9001 resource-server serve",
        )
    _add_explain(commands)
    _add_doctor(commands)
    asked = _add(
        commands,
        "health",
        health.run,
        "ask the running service whether it is ready; exit 1 if not",
        "resource-server health --json",
    )
    asked.add_argument("--json", action="store_true", help="print the answer as JSON")
    _add_config(commands)
    return parser


def _add_explain(commands: Any) -> None:
    command = _add(
        commands,
        "explain",
        explain.run,
        "say why a token is refused, check by check; exit 1 if it is, 4 if that cannot be told",
        "pbpaste | resource-server explain\n  resource-server explain - --scope notes:write < token.txt",
    )
    command.add_argument("token", nargs="?", metavar="TOKEN", help="the token; - or nothing reads it from standard input")
    command.add_argument("--scope", action="append", help="a scope that the route asks for; may be repeated")
    command.add_argument("--role", action="append", help="a role that the route asks for; may be repeated")
    command.add_argument("--permission", action="append", help="a permission that the route asks for; may be repeated")
    _add_common(command)


def _add_doctor(commands: Any) -> None:
    command = _add(
        commands,
        "doctor",
        doctor.run,
        "check settings, issuer, keys, timings and clock, and a token on standard input if one is piped in; exit 1 if one fails",
        "resource-server doctor --issuer https://id.example.com --audience https://orders.example.com < token.txt",
    )
    _add_common(command)


def _add_common(command: argparse.ArgumentParser) -> None:
    command.add_argument("--issuer", help="in place of RESOURCE_SERVER_ISSUER")
    command.add_argument("--audience", help="in place of RESOURCE_SERVER_AUDIENCE")
    command.add_argument("--metadata-url", help="in place of RESOURCE_SERVER_METADATA_URL")
    command.add_argument("--json", action="store_true", help="print the report as JSON")


def _add_config(commands: Any) -> None:
    config = commands.add_parser("config", help="look at the settings").add_subparsers(required=True, metavar="ACTION")
    check = _add(
        config, "check", _check, "check the settings; exit 2 and list every fault if one is wrong", "resource-server config check"
    )
    check.add_argument("--json", action="store_true", help="print the faults as JSON")
    show = _add(config, "show", _show, "print the effective settings", "resource-server config show --json")
    show.add_argument("--json", action="store_true", help="print them as JSON")


def _add(commands: Any, name: str, command: Command, summary: str, example: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=summary,
        description=summary,
        epilog=f"example:\n  {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(command=command)
    return parser


def _serve(settings: Settings, _given: argparse.Namespace) -> int:
    # Imported here: the other commands need no web server, and start faster without it.
    from resource_server.demo.serve import CannotListen, serve, silence_interrupt

    silence_interrupt()
    try:
        serve(settings)
    except CannotListen as error:
        print(f"resource-server: {error}", file=sys.stderr)
        return CANNOT_LISTEN
    return OK


def _check(settings: Settings, given: argparse.Namespace) -> int:
    for warning in settings.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    print(json.dumps({"faults": []}) if given.json else "The settings are good.")
    return OK


def _show(settings: Settings, given: argparse.Namespace) -> int:
    values = shown(settings)
    if given.json:
        print(json.dumps(values, indent=2))
    else:
        print("\n".join(f"{name}={value}" for name, value in values.items()))
    return OK


def _tell_faults(error: SettingsError, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"faults": error.faults}))
        return
    print("resource-server: the settings are not right:", file=sys.stderr)
    for fault in error.faults:
        print(f"  - {fault}", file=sys.stderr)
