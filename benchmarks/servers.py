"""Server processes, pinned to their cores: the two of this project as they are, and bare ones to compare with."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from benchmarks import machine

ROOT: Final = Path(__file__).parents[1]
_READY_SECONDS: Final = 30
_LOOK_SECONDS: Final = 0.002


class DidNotStart(Exception):
    """A server ended, or did not answer in time."""


class Server:
    """One server process. Its standard output goes to a file, as a container's log does."""

    def __init__(
        self,
        module: str,
        words: Sequence[str],
        url: str,
        environment: Mapping[str, str],
        log: Path,
        ready: str,
        *,
        program: Sequence[str] = (),
    ) -> None:
        self.url = url
        self._command = [*(program or (sys.executable, "-m")), module, *words]
        # Compiled once and kept, as on any installation: an environment that forbids it would measure the compiler at each start.
        self._environment = {**os.environ, **environment, "PYTHONDONTWRITEBYTECODE": ""}
        self._name = module
        self._log = log
        self._ready = ready
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Return the process's id while it runs."""
        assert self._process is not None
        return self._process.pid

    def start(self, cores: frozenset[int]) -> float:
        """Start on these cores; return the seconds until it was ready.

        Raises:
            DidNotStart: it was not ready in time.
        """
        began = time.monotonic()
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                cwd=ROOT,
                env=self._environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                preexec_fn=lambda: machine.settle(cores),
            )
        while not _answers(self.url, self._ready):
            if self._process.poll() is not None or time.monotonic() > began + _READY_SECONDS:
                raise DidNotStart(f"{self._name} did not start; its log is {self._log}")
            time.sleep(_LOOK_SECONDS)
        return time.monotonic() - began

    def stop(self) -> None:
        """Ask it to stop, and wait."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def auth_server(environment: Mapping[str, str], folder: Path) -> Server:
    """Return the auth server on the address that its settings name."""
    return Server("auth_server", ["serve"], environment["AUTH_SERVER_ISSUER"], environment, folder / "auth_server.log", "/readyz")


def bare_server(kind: str, folder: Path, issuer: str = "", audience: str = "") -> Server:
    """Return one of the servers of `apps.py`."""
    port = free_port()
    words = [kind, str(port), issuer, audience]
    return Server("benchmarks.apps", words, f"http://127.0.0.1:{port}", {}, folder / f"{kind}.log", "/ready")


@contextmanager
def running(server: Server, cores: frozenset[int]) -> Iterator[Server]:
    """Start a server, and stop it at the end of the block."""
    try:
        server.start(cores)
        yield server
    finally:
        server.stop()


def free_port() -> int:
    """Return a port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(url: str, path: str) -> bool:
    address = urlsplit(url)
    try:
        with closing(socket.create_connection((str(address.hostname), int(address.port or 80)), timeout=2)) as connection:
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {address.netloc}\r\nConnection: close\r\n\r\n".encode("ascii"))
            return connection.recv(64)[9:12] == b"200"
    except OSError:
        return False
