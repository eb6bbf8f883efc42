"""Start the two servers as real processes, wait until they are ready, stop them."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[2]
CONFIG: Final = Path(__file__).with_name("config.toml")
READY_SECONDS: Final = 30


class DidNotStart(Exception):
    """A server did not become ready; the sentence says which, and what its log ends with."""


class Server:
    """One server process, with its log in a file."""

    def __init__(self, name: str, module: str, url: str, environment: Mapping[str, str], log: Path) -> None:
        self.name = name
        self.url = url
        self.log = log
        self._module = module
        self._environment = {**os.environ, **environment}
        self._process: subprocess.Popen[bytes] | None = None

    def set_environment(self, **variables: str) -> None:
        """Change the environment of the next start."""
        self._environment |= variables

    def start(self) -> None:
        """Start the process and wait until /readyz says yes.

        Raises:
            DidNotStart: it ended, or was not ready in time.
        """
        self.start_unready()
        self.wait_until_ready()

    def start_unready(self) -> None:
        """Start the process and wait until it answers at all.

        Raises:
            DidNotStart: it ended, or did not answer in time.
        """
        self.start_without_waiting()
        self.wait_for(self.url + "/livez")

    def start_without_waiting(self) -> None:
        """Start the process."""
        with self.log.open("ab") as log:
            # A session of its own: Ctrl-C reaches this program alone, which then stops the servers in order.
            self._process = subprocess.Popen(
                [sys.executable, "-m", self._module, "serve"],
                cwd=ROOT,
                env=self._environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait_until_ready(self) -> None:
        """Wait until /readyz says yes.

        Raises:
            DidNotStart: it ended, or was not ready in time.
        """
        self.wait_for(self.url + "/readyz")

    def stop(self) -> int | None:
        """Ask the process to stop and wait; return its exit status."""
        if self._process is None:
            return None
        self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()

    def kill(self) -> None:
        """End the process without a word to it (SIGKILL), as a machine that loses power would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def wait_for(self, url: str) -> None:
        """Wait until a URL of this server is answered with 200.

        Raises:
            DidNotStart: the process ended, or it took too long.
        """
        give_up_at = time.monotonic() + READY_SECONDS
        while not answers(url):
            if self.has_ended():
                raise DidNotStart(f"the {self.name} did not start; its log ({self.log}) ends with:\n{self._last_lines()}")
            if time.monotonic() > give_up_at:
                said = _said(url) or "no answer"
                raise DidNotStart(
                    f"the {self.name} is not ready after {READY_SECONDS} s: {url} says: {said}\n"
                    f"its log ({self.log}) ends with:\n{self._last_lines()}"
                )
            time.sleep(0.05)

    def has_ended(self) -> bool:
        """Say whether the process ended by itself."""
        return self._process is not None and self._process.poll() is not None

    def _last_lines(self) -> str:
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        # Those of the questions asked here would push out what says why.
        return "\n".join([line for line in lines if '"event":"request"' not in line][-5:])


def answers(url: str) -> bool:
    """Say whether a GET is answered with 200."""
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _said(url: str) -> str:
    """Return the body of what is answered, also with a refusal; empty when nothing is."""
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return str(answer.read().decode())
    except urllib.error.HTTPError as refusal:
        return refusal.read().decode()
    except (urllib.error.URLError, OSError):
        return ""


def command(*arguments: str, environment: Mapping[str, str], given: str | None = None) -> dict[str, Any]:
    """Run an operator's command and return its JSON answer; `given` is its standard input.

    Raises:
        DidNotStart: it failed; the sentences are its own.
    """
    done = subprocess.run(
        [sys.executable, "-m", "auth_server", *arguments, "--json"],
        cwd=ROOT,
        env={**os.environ, **environment},
        input=given,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise DidNotStart(_words(done.stderr) or done.stdout)
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def _words(told: str) -> str:
    """Return what a command told on standard error with --json, as sentences."""
    try:
        return "\n".join(json.loads(told)["reasons"])
    except (ValueError, KeyError, TypeError):
        return told.rstrip()


def config_for(api: str, folder: Path) -> Path:
    """Return the demo's configuration for an API at another address: a copy in `folder` with that address in it."""
    text = CONFIG.read_text(encoding="utf-8")
    path = folder / "config.toml"
    path.write_text(text.replace("http://localhost:8001", api), encoding="utf-8")
    return path


def is_taken(port: int) -> bool:
    """Say whether somebody listens on a port of this machine already."""
    for host in ("127.0.0.1", "::1"):
        with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=1):
            return True
    return False


def free_ports(count: int) -> list[int]:
    """Return ports nobody listens on."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]
