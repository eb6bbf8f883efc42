"""An operator at a terminal, with an initialised data folder of their own for each test."""

from __future__ import annotations

import asyncio
import io
import json
import shutil
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest

from auth_server.accounts.passwords import Argon2Cost
from auth_server.cli.main import main
from auth_server.services import Services, build_services
from auth_server.settings import load
from auth_server.store.store import Store

T = TypeVar("T")
PASSWORD = "correct-Horse-battery-staple-7413"


@dataclass(frozen=True)
class Told:
    """What a command told, and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one document on standard output."""
        return json.loads(self.out)

    @property
    def error(self) -> Any:
        """The one document on standard error."""
        return json.loads(self.err)


class Operator:
    """Runs commands in this process, against a folder."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._monkeypatch = monkeypatch
        self._capsys = capsys
        self.set("DATA_DIR", str(folder / "data"))

    def set(self, name: str, value: str) -> None:
        """Change a setting."""
        self._monkeypatch.setenv(f"AUTH_SERVER_{name}", value)

    def __call__(self, *words: str, stdin: str = "", terminal: bool = False) -> Told:
        """Run one command."""
        given = io.TextIOWrapper(io.BytesIO(stdin.encode()))
        self._monkeypatch.setattr(given, "isatty", lambda: terminal)
        self._monkeypatch.setattr(sys, "stdin", given)
        self._capsys.readouterr()
        code = main(words)
        captured = self._capsys.readouterr()
        return Told(code, captured.out, captured.err)

    def done(self, *words: str, stdin: str = "") -> Any:
        """Run one command that must succeed, and return its JSON document."""
        told = self(*words, "--json", stdin=stdin)
        assert told.code == 0, told.err
        return told.json

    def file(self, name: str, text: str) -> str:
        """Write a file and return its path."""
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return str(path)

    def within(self, work: Callable[[Services], Awaitable[T]]) -> T:
        """Use the services as the server would, beside the commands."""

        async def run() -> T:
            services = build_services(load())
            try:
                await services.start()
                return await work(services)
            finally:
                services.close()

        return asyncio.run(run())

    def events(self, name: str) -> list[dict[str, Any]]:
        """Return the audit events of one name."""

        async def read(services: Services) -> list[dict[str, Any]]:
            every = await services.store.read(lambda tx: tx.audit_events.since(0, 1000))
            return [event for event in (json.loads(body) for _, body in every) if event["name"] == name]

        return self.within(read)


@pytest.fixture(scope="session")
def initialised(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder as `auth-server init` leaves it, to copy."""
    folder = tmp_path_factory.mktemp("initialised")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUTH_SERVER_DATA_DIR", str(folder / "data"))
        assert main(["init"]) == 0
    return folder / "data"


@pytest.fixture
def nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Operator:
    """An operator before `init`."""
    return Operator(tmp_path, monkeypatch, capsys)


@pytest.fixture
def operator(nobody: Operator, initialised: Path) -> Operator:
    """An operator after `init`."""
    shutil.copytree(initialised, nobody.folder / "data")
    return nobody


@pytest.fixture
def peopled(operator: Operator) -> Operator:
    """An operator of a server that ran, with people, a role and a client."""
    password = operator.file("password", PASSWORD)
    for name in ("alice", "bob", "carol"):
        operator.done("user", "create", "--username", name, "--password-file", password)
    operator.done("role", "create", "editor", "--permission", "notes:write")
    operator.done("role", "grant", "editor", "alice")
    operator.done("client", "create", "--client-id", "billing", "--grant", "client_credentials", "--scope", "notes:read")
    operator.within(_started)
    return operator


@pytest.fixture
def services(store: Store, tmp_path: Path) -> Services:
    """What a declarative file is applied to."""
    settings = load({"AUTH_SERVER_DATA_DIR": str(tmp_path / "data")})
    return build_services(settings, store=store, argon2=Argon2Cost(memory_kib=8, passes=1, lanes=1))


async def _started(_services: Services) -> None:
    """A server started, and stopped."""
