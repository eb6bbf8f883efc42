"""A library in its process, and the clock of that process.

The clock is shifted by libfaketime: whatever the library reads of it, wall clock or monotonic, jumps. Timers that already run do not, and
a thread that waits with a time limit waits for ever; so what needs no shifted clock is tried in a process of its own, without it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from benchmarks.peers import environments
from benchmarks.peers.environments import HERE, Library
from benchmarks.peers.issuer import AUDIENCE, Realm
from benchmarks.servers import ROOT

_LIBRARY: Final = "libfaketimeMT.so.1"


class PeerFailed(Exception):
    """The process of a library ended, or said nothing that can be read."""


def find_faketime() -> Path | None:
    """Return libfaketime (Debian's package `faketime`), or None where it is not installed."""
    found = [path for folder in ("/usr/lib", "/usr/local/lib") for path in Path(folder).glob(f"*/faketime/{_LIBRARY}")]
    found += [path for folder in ("/usr/lib", "/usr/local/lib") for path in Path(folder).glob(f"faketime/{_LIBRARY}")]
    return found[0] if found else None


class Peer:
    """A running library. `ahead` is by how many seconds its clock was shifted so far."""

    def __init__(self, process: subprocess.Popen[str], clock: Path | None, errors: Path) -> None:
        self._process, self._errors = process, errors
        self._clock = clock
        self.ahead = 0.0
        self.version = str(self._read()["version"])

    @property
    def can_shift(self) -> bool:
        """Say whether rows that need hours can be tried."""
        return self._clock is not None

    def new(self, realm: Realm, **more: object) -> None:
        """Make a verifier of this issuer, with the caches of a process that just started."""
        realm.ahead = self.ahead
        self._ask({"do": "new", "issuer": realm.url, "jwks_uri": realm.jwks_uri, "audience": AUDIENCE, **more})

    def accepts(self, token: str) -> bool:
        """Say whether it takes a token."""
        return bool(self._ask({"do": "verify", "token": token})["accepted"])

    def accepted_of(self, tokens: list[str]) -> int:
        """Present tokens one after the other; return how many it took."""
        return int(self._ask({"do": "many", "tokens": tokens})["accepted"])

    def stall(self, token: str) -> float:
        """Return for how many milliseconds its event loop stood still while it verified a token."""
        return float(self._ask({"do": "stall", "token": token})["stalled_ms"])

    def microseconds(self, tokens: list[str]) -> tuple[float, float]:
        """Return processor time of one verification, and of one raw RSA verification, in its process."""
        told = self._ask({"do": "time", "tokens": tokens})
        return float(told["us"]), float(told["raw_us"])

    def microseconds_of_keys(self, documents: list[str], tokens: list[str]) -> tuple[list[float], float]:
        """Return processor time of one verification under each of these key sets, and of a raw one; the kit alone understands it."""
        told = self._ask({"do": "time keys", "documents": documents, "tokens": tokens})
        return [float(us) for us in told["us"]], float(told["raw_us"])

    def let_time_pass(self, seconds: float, realm: Realm) -> None:
        """Shift its clock."""
        if self._clock is None:
            raise PeerFailed("libfaketime is not installed")
        self.ahead += seconds
        realm.ahead = self.ahead
        # In place and whole in one write: the library opens it anew at each look.
        self._clock.write_text(f"+{self.ahead:.0f}\n", encoding="ascii")
        self._ask({"do": "time passed"})

    def _ask(self, order: Mapping[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(order) + "\n")
            self._process.stdin.flush()
        except OSError as error:
            raise PeerFailed("it ended") from error
        return self._read()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        while line := self._process.stdout.readline():
            if line.startswith("{"):
                answer: dict[str, Any] = json.loads(line)
                return answer
        last = self._errors.read_text(encoding="utf-8").strip().splitlines()[-1:]
        raise PeerFailed(f"it ended without an answer{': ' + last[0][:160] if last else ''}")


def trusting(certificate: Path) -> dict[str, str]:
    """Return the environment in which Python and Node trust the issuer's certificate."""
    return {"SSL_CERT_FILE": str(certificate), "NODE_EXTRA_CA_CERTS": str(certificate)}


@contextmanager
def a_peer(library: Library | None, folder: Path, certificate: Path, *, shifted: bool = True) -> Iterator[Peer]:
    """Run a library, or the kit where it is None; with a clock that can be shifted, unless it is to be timed.

    Raises:
        NotInstalled: its environment cannot be made.
        PeerFailed: it does not start.
    """
    name = library.name if library is not None else "kit"
    words, environment = _command(library)
    faketime, clock = find_faketime() if shifted else None, None
    if faketime is not None:
        clock = folder / f"clock-{name}"
        clock.write_text("+0\n", encoding="ascii")
        environment |= {"LD_PRELOAD": str(faketime), "FAKETIME_TIMESTAMP_FILE": str(clock), "FAKETIME_NO_CACHE": "1"}
    environment |= trusting(certificate)
    log = folder / f"{name}.log"
    errors = log.open("w", encoding="utf-8")
    process = subprocess.Popen(
        words,
        cwd=ROOT,
        env={**os.environ, **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        text=True,
    )
    try:
        yield Peer(process, clock, log)
    finally:
        process.kill()
        process.communicate()
        errors.close()


def _command(library: Library | None) -> tuple[list[str], dict[str, str]]:
    if library is None:
        return [sys.executable, "-m", "benchmarks.peers.drivers.kit"], {}
    if library.language == "python":
        return [str(environments.python_environment()), str(HERE / "drivers" / "python_peers.py"), library.name], {}
    folder = environments.node_environment()
    return ["node", str(HERE / "drivers" / "node_peers.mjs"), library.name], {"PEERS_NODE_MODULES": str(folder)}
