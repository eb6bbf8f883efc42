"""A few real issuers on one database, of either kind, whose processes are started and killed within a fraction of a second."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from auth_server.keys.sealing import generate_key_encryption_key
from auth_server.store.engine import open_engines, parse_database_url
from auth_server.store.store import Store
from docs.demo.servers import ROOT, answers, config_for, free_ports
from docs.demo.story import Answer, call
from tests.drills.site import API, CannotRun
from tests.support.databases import PostgresCluster, find_postgres

KINDS: Final = ("SQLite", "PostgreSQL")
PASSWORD: Final = "correct-Horse-battery-staple-7413"
FIRST_PARTY: Final = "first-party"
_READY_SECONDS: Final = 60


class Nursery:
    """The process that all others are forked from (`forking.py`)."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.drills.forking"]
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._lock = threading.Lock()

    def start(self, words: list[str], environment: dict[str, str], output: Path) -> int:
        """Start one; return its pid."""
        asked = {"words": words, "environment": environment, "output": str(output)}
        with self._lock:
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            self._process.stdin.write(json.dumps(asked) + "\n")
            self._process.stdin.flush()
            return int(self._process.stdout.readline())

    def close(self) -> None:
        """End it; whoever it started goes on."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(20)


@dataclass
class Home:
    """The issuers of one database. `kind` is one of `KINDS`."""

    kind: str
    folder: Path
    environment: dict[str, str]
    urls: list[str]
    nursery: Nursery
    pids: dict[int, int] = field(default_factory=dict)
    _commands: int = 0

    @property
    def url(self) -> str:
        """Where the first of them is."""
        return self.urls[0]

    def store(self) -> Store:
        """Open the database beside the servers, to prepare or to look."""
        return Store(open_engines(parse_database_url(self.environment["AUTH_SERVER_DATABASE_URL"])))

    def start(self, number: int = 0, *, wait: bool = True) -> None:
        """Start an issuer."""
        environment = {**self.environment, "AUTH_SERVER_PORT": self.urls[number].rpartition(":")[2]}
        self.pids[number] = self.nursery.start(["serve"], environment, self.folder / f"issuer-{number}.log")
        if wait:
            self.wait(number)

    def wait(self, number: int = 0) -> None:
        """Wait until an issuer is ready."""
        give_up_at = time.monotonic() + _READY_SECONDS
        while not answers(self.urls[number] + "/readyz"):
            if time.monotonic() > give_up_at or not _lives(self.pids[number]):
                log = (self.folder / f"issuer-{number}.log").read_text(encoding="utf-8")
                raise RuntimeError(f"an issuer on {self.kind} did not start: {log[-1500:]}")
            time.sleep(0.02)

    def kill(self, number: int = 0, how: int = signal.SIGKILL) -> None:
        """End an issuer without a word to it, and wait until it is gone."""
        end(self.pids.pop(number), how)

    def stop(self) -> None:
        """Ask all of them to stop, and wait."""
        for number in list(self.pids):
            self.kill(number, signal.SIGTERM)

    def begin(self, *words: str, environment: dict[str, str] | None = None) -> tuple[int, Path]:
        """Begin an operator's command; return its pid and where its words go."""
        self._commands += 1
        output = self.folder / f"command-{self._commands}"
        # Behind the verb: an argument may stand behind `--`.
        asked = [*words[:2], "--json", *words[2:]]
        return self.nursery.start(asked, {**self.environment, **(environment or {})}, output), output

    def operate(self, *words: str, environment: dict[str, str] | None = None) -> dict[str, Any]:
        """Carry an operator's command out; return its JSON answer."""
        pid, output = self.begin(*words, environment=environment)
        while _lives(pid):
            time.sleep(0.01)
        told = outcome(output)
        if told is None:
            raise RuntimeError(f"{' '.join(words)}: {Path(f'{output}.errors').read_text(encoding='utf-8')[-800:]}")
        return told


def outcome(output: Path) -> dict[str, Any] | None:
    """Return the JSON answer of a command that ended well; None for one that was killed or refused."""
    status = Path(str(output) + ".status")
    if not status.exists() or status.read_text(encoding="ascii") != "0":
        return None
    told = output.read_text(encoding="utf-8")
    return dict(json.loads(told[told.index("{") :]))


def end(pid: int, how: int = signal.SIGKILL) -> None:
    """End a process and wait until it is gone."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, how)
    while _lives(pid):
        time.sleep(0.002)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def ask(method: str, url: str, **arguments: Any) -> Answer | None:
    """Ask once; None when no answer arrived, whatever became of the request."""
    try:
        return call(method, url, **arguments)
    except (OSError, urllib.error.URLError, ValueError, EOFError):
        return None
    except Exception as error:
        if type(error).__module__ == "http.client":
            return None
        raise


@contextlib.contextmanager
def a_home(kind: str, count: int = 1, **settings: str) -> Iterator[Home]:
    """Prepare so many issuers on a database of this kind, with the API and a role; start none. Remove everything at the end.

    Args:
        settings: by name, without their prefix.

    Raises:
        CannotRun: there are no PostgreSQL binaries.
    """
    binaries = find_postgres()
    if kind == "PostgreSQL" and binaries is None:
        raise CannotRun("no PostgreSQL server binaries (initdb, pg_ctl) were found")
    folder = Path(tempfile.mkdtemp(prefix="drill-"))
    cluster = PostgresCluster(binaries) if kind == "PostgreSQL" and binaries is not None else None
    nursery = Nursery()
    try:
        url = f"sqlite:///{folder / 'data' / 'issuer.sqlite3'}"
        if cluster is not None:
            url = f"postgresql://postgres@/{cluster.create_empty()}?host={cluster.folder}"
        home = _prepared(kind, folder, url, count, nursery, settings)
        try:
            yield home
        finally:
            for number in list(home.pids):
                home.kill(number)
    finally:
        nursery.close()
        if cluster is not None:
            cluster.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _prepared(kind: str, folder: Path, url: str, count: int, nursery: Nursery, settings: dict[str, str]) -> Home:
    urls = [f"http://localhost:{port}" for port in free_ports(count)]
    environment = {
        "AUTH_SERVER_ISSUER": urls[0],
        "AUTH_SERVER_DATA_DIR": str(folder / "data"),
        "AUTH_SERVER_DATABASE_URL": url,
        "AUTH_SERVER_KEY_ENCRYPTION_KEYS": generate_key_encryption_key(),
        "AUTH_SERVER_CONFIG": str(config_for(API, folder)),
        "AUTH_SERVER_DEFAULT_RESOURCE": API,
        **{f"AUTH_SERVER_{name}": value for name, value in settings.items()},
    }
    home = Home(kind, folder, environment, urls, nursery)
    home.operate("migrate")
    home.operate("init")
    return home


def register(home: Home, username: str) -> Answer | None:
    """Ask for an account."""
    return ask("POST", home.url + "/api/registration", json_body=_person(username) | {"email": f"{username}@mail.example"})


def login(home: Home, username: str) -> Answer | None:
    """Sign in."""
    return ask("POST", home.url + "/api/login", json_body=_person(username))


def refresh(url: str, token: str, client_id: str = FIRST_PARTY) -> Answer | None:
    """Present a refresh token."""
    form = {"grant_type": "refresh_token", "client_id": client_id, "refresh_token": token}
    return ask("POST", url + "/token", form=form)


def _person(username: str) -> dict[str, str]:
    return {"username": username, "password": PASSWORD}


def a_name(kind: str) -> str:
    """Return a user name that nobody has."""
    return f"{kind}-{secrets.token_hex(6)}"
