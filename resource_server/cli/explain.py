"""`resource-server explain TOKEN`: runs the very guard that refused, here and now, and says what it found."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Mapping
from typing import Final

from resource_server.cli.codes import OK, UNDECIDED, UNHEALTHY
from resource_server.cli.inputs import read_token
from resource_server.cli.render import Look, render
from resource_server.decryption import is_encrypted
from resource_server.diagnosis.explain import explain
from resource_server.diagnosis.report import Report, Verdict
from resource_server.guard import Guard
from resource_server.jwks.fetcher import TOTAL_SECONDS
from resource_server.settings import Settings

_PAUSE_SECONDS: Final = 0.02
_CODES: Final = {Verdict.GOOD: OK, Verdict.REFUSED: UNHEALTHY, Verdict.UNDECIDED: UNDECIDED}


def run(settings: Settings, given: argparse.Namespace) -> int:
    """Explain one token; return the exit code."""
    report = report_on(settings, read_token(given.token), given)
    tell("resource-server explain", report, as_json=given.json)
    return _CODES[report.verdict]


def report_on(settings: Settings, text: str, given: argparse.Namespace) -> Report:
    """Return the report on a token, by a guard with these settings, and by what a route would ask beyond it."""
    scopes, roles, permissions = given.scope or [], given.role or [], given.permission or []
    guard = settings.guard(_silent)
    _await_first_answer(guard)

    def verify(token: str) -> None:
        who = guard.verify(token)
        if scopes or roles or permissions:
            who.require(*scopes, role=roles or None, permission=permissions or None)

    try:
        return explain(text, verify, guard.policy, int(time.time()), open_nested=_opener(settings))
    finally:
        guard.close()


def _opener(settings: Settings) -> Callable[[str], str]:
    """Return what opens the encrypted tokens of this API, and leaves all others as they are."""
    keys = settings.decryption()

    def open_nested(token: str) -> str:
        compact = token.encode("ascii", "replace")
        return keys.open(compact).decode("ascii", "replace") if keys is not None and is_encrypted(compact) else token

    return open_nested


def _await_first_answer(guard: Guard) -> None:
    """Wait for the issuer's keys, and for what it has revoked; but not for an issuer that does not answer, as `warm` would."""
    guard.start()
    deadline = time.monotonic() + TOTAL_SECONDS
    while not guard.statistics()["fetches"] and time.monotonic() < deadline:
        time.sleep(_PAUSE_SECONDS)
    if not guard.statistics()["failed_fetches"]:
        guard.warm(TOTAL_SECONDS)


def tell(title: str, report: Report, *, as_json: bool) -> None:
    """Print a report."""
    if as_json:
        print(json.dumps(report.as_json(), indent=2))
    else:
        print(render(title, report, Look.of(sys.stdout)))


def _silent(_level: str, _event: str, _fields: Mapping[str, object]) -> None:
    """The report says what the guard would have logged."""
