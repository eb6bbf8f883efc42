"""Several issuers on one PostgreSQL, with timings as small as they may legally be."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import urllib.error
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from auth_server.keys.sealing import generate_key_encryption_key
from docs.demo.servers import ROOT, Server, command, config_for, free_ports
from docs.demo.story import Answer, call
from tests.support.databases import PostgresCluster, find_postgres

API: Final = "https://api.example"
# The smallest set of its kind. Resource servers allow 60 s and the issuer counts on that, so V cannot be less than 60 s more than the
# rest; N only has to beat W_pub + M. Everything else is as small as two busy cores allow.
TIMINGS: Final = {
    "AUTH_SERVER_ACCESS_TOKEN_LIFETIME": "3",
    "AUTH_SERVER_CLOCK_ERROR": "0.5",
    "AUTH_SERVER_KEY_SIGN_LEASE": "2",
    "AUTH_SERVER_KEY_VIEW_LEASE": "2",
    "AUTH_SERVER_JWKS_MAX_AGE": "2.5",
    "AUTH_SERVER_KEY_PUBLISH_AHEAD": "4.6",
    "AUTH_SERVER_KEY_RETIRE_AFTER": "66",
    "AUTH_SERVER_KEY_ROTATION_PERIOD": "66",
}
# M is 1.25 times that, 2.5 s.
REFRESH: Final = 2.0
LIFETIME: Final = 3
LEEWAY: Final = 60
EPS: Final = 0.5
BY_POLLING: Final = 2 + 2.5
_CLIENT: Final = "drill"


class CannotRun(Exception):
    """This machine lacks something that the drill needs; the sentence says what."""


@dataclass
class Site:
    """The issuers, the first of which gives its name to all."""

    folder: Path
    issuer: str
    environment: dict[str, str]
    secret: str
    urls: list[str]
    servers: list[Server]
    client_id: str = _CLIENT

    def operate(self, *arguments: str, environment: dict[str, str] | None = None) -> dict[str, Any]:
        """Run an operator's command; its JSON answer."""
        return command(*arguments, environment=environment or self.environment)

    def ask_for_token(self, number: int) -> Answer | None:
        """Ask one issuer for a token; None when nobody answers."""
        try:
            return call(
                "POST",
                f"{self.urls[number]}/token",
                form={"grant_type": "client_credentials", "resource": API},
                basic=(_CLIENT, self.secret),
            )
        except (OSError, urllib.error.URLError):
            return None

    def key_set(self, number: int) -> Answer | None:
        """Fetch the key set of one issuer; None when nobody answers."""
        try:
            return call("GET", f"{self.urls[number]}/.well-known/jwks.json")
        except (OSError, urllib.error.URLError):
            return None

    def metadata_url(self, number: int) -> str:
        """Return where a resource server finds one of the issuers."""
        return f"{self.urls[number]}/.well-known/oauth-authorization-server"

    def rotate(self) -> str | None:
        """Have the standby sign; return its kid, or None when the answer is that it is too young, or that somebody else was quicker."""
        done = self._run("key", "rotate", "--json")
        kid: str | None = json.loads(done.stdout)["active_kid"] if done.returncode == 0 else None
        return kid

    def burn(self, kid: str) -> None:
        """Burn a key; a kid may begin with a hyphen."""
        self._run("key", "burn", "--yes", "--reason", "drill", "--json", "--", kid).check_returncode()

    def _run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "auth_server", *words],
            cwd=ROOT,
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            check=False,
        )

    def every_key(self) -> list[dict[str, Any]]:
        """Return every key there ever was, as `key list --all` tells them."""
        return [key for ring in self.operate("key", "list", "--all")["rings"] for key in ring["keys"]]


@contextlib.contextmanager
def a_site(count: int, *, modules: dict[int, str] | None = None) -> Iterator[Site]:
    """Start so many issuers on a PostgreSQL of their own; stop and remove everything at the end.

    Args:
        modules: what to run instead of `auth_server`, by number.

    Raises:
        CannotRun: there are no PostgreSQL binaries.
    """
    binaries = find_postgres()
    if binaries is None:
        raise CannotRun("no PostgreSQL server binaries (initdb, pg_ctl) were found")
    folder = Path(tempfile.mkdtemp(prefix="drill-"))
    cluster = PostgresCluster(binaries)
    try:
        site = _prepare(folder, f"postgresql://postgres@/{cluster.create_empty()}?host={cluster.folder}", count, modules or {})
        try:
            for server in site.servers:
                server.start()
            yield site
        finally:
            for server in site.servers:
                server.stop()
    finally:
        cluster.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _prepare(folder: Path, database_url: str, count: int, modules: dict[int, str]) -> Site:
    ports = free_ports(count)
    urls = [f"http://localhost:{port}" for port in ports]
    secret = secrets.token_urlsafe(32)
    (folder / "secret").write_text(secret, encoding="utf-8")
    environment = {
        "AUTH_SERVER_ISSUER": urls[0],
        "AUTH_SERVER_DATA_DIR": str(folder / "data"),
        "AUTH_SERVER_DATABASE_URL": database_url,
        "AUTH_SERVER_KEY_ENCRYPTION_KEYS": generate_key_encryption_key(),
        "AUTH_SERVER_CONFIG": str(config_for(API, folder)),
        **TIMINGS,
    }
    command("migrate", environment=environment)
    servers = [
        Server(
            f"issuer {number}",
            modules.get(number, "auth_server"),
            urls[number],
            {**environment, "AUTH_SERVER_PORT": str(port), "DRILL_CLOCK_FILE": str(folder / f"clock-{number}")},
            folder / f"issuer-{number}.log",
        )
        for number, port in enumerate(ports)
    ]
    servers[0].start()
    command(
        *("client", "create", "--client-id", _CLIENT, "--client-secret-file", str(folder / "secret")),
        *("--grant", "client_credentials", "--scope", "notes:read", "--if-missing"),
        environment=environment,
    )
    servers[0].stop()
    return Site(folder, urls[0], environment, secret, urls, servers)
