"""One auth server on SQLite, as `make run` starts it, and one client that asks it for tokens; its clock may run ahead."""

from __future__ import annotations

import contextlib
import secrets
import shutil
import tempfile
import urllib.error
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from benchmarks.peers.process import find_faketime
from docs.demo.servers import Server, command, config_for, free_ports
from docs.demo.story import call
from tests.drills.site import API

_CLIENT: Final = "drill"


class LoneIssuer:
    """The server, its folder, and what is needed to ask it."""

    def __init__(self, folder: Path, timings: dict[str, str]) -> None:
        port = free_ports(1)[0]
        self.url = f"http://localhost:{port}"
        self._secret = secrets.token_urlsafe(32)
        (folder / "secret").write_text(self._secret, encoding="utf-8")
        self.environment = {
            "AUTH_SERVER_ISSUER": self.url,
            "AUTH_SERVER_PORT": str(port),
            "AUTH_SERVER_DATA_DIR": str(folder / "data"),
            "AUTH_SERVER_CONFIG": str(config_for(API, folder)),
            **timings,
        }
        self.server = Server("issuer", "auth_server", self.url, self.environment, folder / "issuer.log")
        self.server.start()
        command(
            *("client", "create", "--client-id", _CLIENT, "--client-secret-file", str(folder / "secret")),
            *("--grant", "client_credentials", "--scope", "notes:read", "--if-missing"),
            environment=self.environment,
        )

    def token(self) -> str | None:
        """Ask for a token; None when there is no good answer."""
        form = {"grant_type": "client_credentials", "resource": API}
        try:
            answer = call("POST", f"{self.url}/token", form=form, basic=(_CLIENT, self._secret))
        except (OSError, urllib.error.URLError):
            return None
        token: str | None = answer.body["access_token"] if answer.status == 200 else None
        return token

    def promote(self) -> str:
        """Have the standby sign; return its kid."""
        return str(command("key", "rotate", "--emergency", environment=self.environment)["active_kid"])

    def start_ahead(self, seconds: float) -> None:
        """Start again, on a machine whose clock is ahead by so much."""
        library = find_faketime()
        assert library is not None
        self.server.set_environment(LD_PRELOAD=str(library), FAKETIME=f"+{seconds:.0f}s")
        self.server.start_without_waiting()


@contextlib.contextmanager
def a_lone_issuer(**timings: str) -> Iterator[LoneIssuer]:
    """Start one; stop it and remove everything at the end."""
    folder = Path(tempfile.mkdtemp(prefix="drill-"))
    issuer: Any = None
    try:
        issuer = LoneIssuer(folder, timings)
        yield issuer
    finally:
        if issuer is not None:
            issuer.server.stop()
        shutil.rmtree(folder, ignore_errors=True)
