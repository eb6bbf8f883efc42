"""`resource-server health`: asks the running service whether it is ready."""

from __future__ import annotations

import argparse
import http.client
import json
from typing import Final

from resource_server.cli.codes import OK, UNHEALTHY
from resource_server.jwks.fetcher import reason_of
from resource_server.settings import Settings

_HEALTH_SECONDS: Final = 3.0
_WILDCARDS: Final = {"0.0.0.0", "::"}  # noqa: S104  # compared with, never bound


def run(settings: Settings, given: argparse.Namespace) -> int:
    """Ask, tell, and return the exit code."""
    host = settings.host if settings.host and settings.host not in _WILDCARDS else "127.0.0.1"
    connection = http.client.HTTPConnection(host, settings.port, timeout=_HEALTH_SECONDS)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        ready, body = answer.status == http.client.OK, json.loads(answer.read())
    except (OSError, http.client.HTTPException, ValueError) as error:
        ready, body = False, {"status": "no answer", "reasons": [f"{host}:{settings.port}: {reason_of(error)}"], "warnings": []}
    finally:
        connection.close()
    if given.json:
        print(json.dumps(body))
    else:
        print("\n".join([body["status"], *(f"  {line}" for line in [*body["reasons"], *body["warnings"]])]))
    return OK if ready else UNHEALTHY
