"""Loads: what is asked, by whom, and what came of it.

`wrk` makes them where it is installed; else a process of our own does (`client.py`), which takes more of its core. Requests are the
same bytes either way, and the processor time of the server does not depend on who asked.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from benchmarks import machine

TOKEN_PLACE: Final = "{refresh_token}"
_SCRIPT: Final = Path(__file__).with_name("wrk.lua")


@dataclass(frozen=True, slots=True)
class Load:
    """Requests to one server over keep-alive connections, each sent when the answer before it came.

    Attributes:
        requests: whole HTTP requests, taken in turn.
        tokens: refresh tokens to begin with; each answer's successor is used next, in the place that the one request leaves for it.
        rate: requests a second over all connections; None for as many as go.
    """

    url: str
    requests: Sequence[str]
    connections: int = 32
    tokens: Sequence[str] = ()
    rate: float | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a load saw: answers with 2xx, others, seconds, and how long an answer took."""

    answered: int
    failed: int
    seconds: float
    p50_ms: float
    p99_ms: float

    @property
    def rate(self) -> float:
        """Return answers a second."""
        return self.answered / self.seconds


class LoadFailed(Exception):
    """A load met refusals, or no answer at all: whatever it measured, it was not what was meant."""


class Running:
    """A load under way."""

    def __init__(self, process: subprocess.Popen[str], script: str | None) -> None:
        self._process = process
        self._script = script
        self.cpu_seconds = 0.0

    def outcome(self, *, may_fail: bool = False) -> Outcome:
        """Wait until it is over.

        Raises:
            LoadFailed: some answers were no 2xx (unless they may be), or there were none.
        """
        assert self._process.stdout is not None
        with self._process.stdout as answer:
            text = answer.read()
        _pid, status, usage = os.wait4(self._process.pid, 0)
        self._process.returncode = os.waitstatus_to_exitcode(status)
        self.cpu_seconds = usage.ru_utime + usage.ru_stime
        if self._script is not None:
            Path(self._script).unlink()
        if self._process.returncode != 0:
            raise LoadFailed(f"the load ended with status {self._process.returncode}: {text[-300:]}")
        seen: dict[str, Any] = json.loads(text.strip().splitlines()[-1])
        outcome = Outcome(**seen)
        if outcome.answered == 0 or (outcome.failed and not may_fail):
            raise LoadFailed(f"{outcome.failed} of {outcome.answered + outcome.failed} requests failed")
        return outcome


def start(load: Load, seconds: float, cores: frozenset[int]) -> Running:
    """Begin a load on these cores."""
    wrk = shutil.which("wrk") if load.rate is None else None
    return _start_wrk(wrk, load, seconds, cores) if wrk else _start_own(load, seconds, cores)


def start_own(load: Load, seconds: float, cores: frozenset[int]) -> Running:
    """Begin a load by our own client, which tells 2xx from other answers to the last one."""
    return _start_own(load, seconds, cores)


def get(url: str, path: str, *, token: str | None = None) -> str:
    """Return a GET request."""
    return _request("GET", url, path, {"Authorization": f"Bearer {token}"} if token else {})


def post(url: str, path: str, body: str, *, media_type: str, authorization: str | None = None) -> str:
    """Return a POST request; the place of a refresh token in the body counts as long as such a token is."""
    headers = {"Content-Type": media_type, "Content-Length": str(len(body))}
    return _request("POST", url, path, headers | ({"Authorization": authorization} if authorization else {}), body)


def with_token(request: str, length: int) -> str:
    """Return a POST request whose Content-Length is right once a token of `length` characters stands in its place."""
    head, _, body = request.partition("\r\n\r\n")
    right = len(body) - len(TOKEN_PLACE) + length
    return head.replace(f"Content-Length: {len(body)}", f"Content-Length: {right}") + "\r\n\r\n" + body


def _request(method: str, url: str, path: str, headers: dict[str, str], body: str = "") -> str:
    lines = [f"{method} {path} HTTP/1.1", f"Host: {urlsplit(url).netloc}", *(f"{n}: {v}" for n, v in headers.items())]
    return "\r\n".join(lines) + "\r\n\r\n" + body


def _start_own(load: Load, seconds: float, cores: frozenset[int]) -> Running:
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.client"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: machine.settle(cores),
    )
    assert process.stdin is not None
    json.dump({**asdict(load), "seconds": seconds}, process.stdin)
    process.stdin.close()
    return Running(process, None)


def _start_wrk(wrk: str, load: Load, seconds: float, cores: frozenset[int]) -> Running:
    # A string of JSON is a string of Lua as well, as long as it is ASCII.
    with tempfile.NamedTemporaryFile("w", suffix=".lua", delete=False, encoding="ascii") as script:
        script.write(f"requests = {_lua(load.requests)}\ntokens = {_lua(load.tokens)}\nplace = {json.dumps(TOKEN_PLACE)}\n")
        script.write(_SCRIPT.read_text(encoding="ascii"))
    # wrk takes whole seconds.
    words = [wrk, "-t1", f"-c{load.connections}", f"-d{max(1, round(seconds))}s", "-s", script.name, load.url]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, preexec_fn=lambda: machine.settle(cores))
    return Running(process, script.name)


def _lua(texts: Sequence[str]) -> str:
    return "{" + ",".join(map(json.dumps, texts)) + "}"
