"""`auth-server health`: is the server that these settings describe ready?"""

from __future__ import annotations

import argparse
import http.client
import json
from typing import Final

from auth_server.cli.command import Answer, Command, ExitCode, usage
from auth_server.settings import Settings, load

_SECONDS: Final = 3.0
_MAX_BYTES: Final = 64 * 1024
# Where a server that listens everywhere is surely found.
_REACHABLE: Final = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}  # noqa: S104 - looked up, never bound


def _health(_given: argparse.Namespace) -> Answer:
    settings = load()
    host, port = _REACHABLE.get(settings.host, settings.host), _port(settings)
    connection = http.client.HTTPConnection(host, port, timeout=_SECONDS)
    try:
        connection.request("GET", "/readyz?verbose")
        answer = connection.getresponse()
        document, ready = dict(json.loads(answer.read(_MAX_BYTES))), answer.status == http.client.OK
    except (OSError, http.client.HTTPException, ValueError, TypeError) as error:
        why = getattr(error, "strerror", None) or str(error) or type(error).__name__
        document, ready = {"status": "no answer", "checks": {f"{host}:{port}": why}}, False
    finally:
        connection.close()
    checks = document.get("checks", {})
    lines = [str(document.get("status", "unknown")), *(f"  {name}: {outcome}" for name, outcome in checks.items())]
    return Answer(document, "\n".join(lines), code=ExitCode.OK if ready else ExitCode.REFUSED)


def _port(settings: Settings) -> int:
    port = settings.port if settings.management_port is None else settings.management_port
    if port == 0:
        raise usage("with AUTH_SERVER_PORT=0 the server takes a free port, and nobody knows here which one")
    return port


COMMANDS: Final = (
    Command(
        "",
        "ask the running server whether it is ready",
        "Ask the server at AUTH_SERVER_HOST and AUTH_SERVER_PORT (or AUTH_SERVER_MANAGEMENT_PORT) for /readyz. Exit code 0 when it is "
        "ready, 1 when it is not: what a container's HEALTHCHECK wants, with no curl in the image.",
        ("auth-server health --json",),
        _health,
    ),
)
