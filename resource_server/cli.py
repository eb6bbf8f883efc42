"""The command `resource-server`: serve, health, config check, config show.

Exit codes: 0 good; 1 not healthy; 2 wrong usage or wrong settings; 3 cannot listen.
"""

from __future__ import annotations

import argparse
import http.client
import json
import sys
from collections.abc import Sequence
from typing import Any, Final

from resource_server.settings import Settings, load_settings, shown
from shared.settings import SettingsError

OK: Final = 0
UNHEALTHY: Final = 1
WRONG_SETTINGS: Final = 2
CANNOT_LISTEN: Final = 3
_HEALTH_SECONDS: Final = 3.0
_WILDCARDS: Final = {"0.0.0.0", "::"}  # noqa: S104  # compared with, never bound


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    given = _parser().parse_args(arguments)
    try:
        settings = load_settings()
    except SettingsError as error:
        _tell_faults(error, as_json=getattr(given, "json", False))
        return WRONG_SETTINGS
    code: int = given.command(settings, given)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="resource-server",
        description="The notes API: verifies access tokens offline, with the issuer's public keys.",
        epilog="Settings are environment variables; `resource-server config show` lists them.\n"
        "example:\n  RESOURCE_SERVER_ISSUER=https://id.example.com \\\n"
        "  RESOURCE_SERVER_AUDIENCE=https://notes.example.com resource-server serve",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add(commands, "serve", _serve, "run the service until SIGTERM or SIGINT", "RESOURCE_SERVER_PORT=9001 resource-server serve")
    health = _add(
        commands, "health", _health, "ask the running service whether it is ready; exit 1 if not", "resource-server health --json"
    )
    health.add_argument("--json", action="store_true", help="print the answer as JSON")
    config = commands.add_parser("config", help="look at the settings").add_subparsers(required=True, metavar="ACTION")
    check = _add(
        config, "check", _check, "check the settings; exit 2 and list every fault if one is wrong", "resource-server config check"
    )
    check.add_argument("--json", action="store_true", help="print the faults as JSON")
    show = _add(config, "show", _show, "print the effective settings", "resource-server config show --json")
    show.add_argument("--json", action="store_true", help="print them as JSON")
    return parser


def _add(commands: Any, name: str, command: Any, summary: str, example: str) -> argparse.ArgumentParser:
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


def _health(settings: Settings, given: argparse.Namespace) -> int:
    host = settings.host if settings.host and settings.host not in _WILDCARDS else "127.0.0.1"
    connection = http.client.HTTPConnection(host, settings.port, timeout=_HEALTH_SECONDS)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        ready, body = answer.status == http.client.OK, json.loads(answer.read())
    except (OSError, http.client.HTTPException, ValueError) as error:
        ready, body = False, {"status": "no answer", "reasons": [f"{host}:{settings.port}: {error}"], "warnings": []}
    finally:
        connection.close()
    if given.json:
        print(json.dumps(body))
    else:
        print("\n".join([body["status"], *(f"  {line}" for line in [*body["reasons"], *body["warnings"]])]))
    return OK if ready else UNHEALTHY


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
