"""What is measured by HTTP: who serves, what is asked, and one sample of it."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks import load, machine, seeding, servers
from benchmarks.load import Load, Outcome
from benchmarks.seeding import API, Seeded
from benchmarks.servers import Server

FORM: Final = "application/x-www-form-urlencoded"
JWKS: Final = "/.well-known/jwks.json"
DISCOVERY: Final = "/.well-known/openid-configuration"
# Others that use more than this part of a core disturb.
BUSY: Final = 0.15
_LOOK_SECONDS: Final = 0.25
# Refresh tokens for a sample: as many as connections, and as many again that are on their way.
_SESSIONS: Final = 64


@dataclass(frozen=True, slots=True)
class Sample:
    """One load on one server: processor time of the server for an answer, and what the load saw."""

    cpu_us: float
    outcome: Outcome
    others: float


@dataclass(slots=True)
class Bench:
    """Everything that runs. `patience`: seconds that may still be spent on waiting for others, or on measuring once more."""

    cores: machine.Cores
    auth: Server
    bare: Mapping[str, Server]
    seeded: Seeded
    patience: float = 0.0
    answered: int = 0

    def token_request(self, grant: str) -> str:
        """Return a request of client credentials, or of a refresh with the token's place left open."""
        if grant == "client_credentials":
            return load.post(self.auth.url, "/token", f"grant_type={grant}", media_type=FORM, authorization=self.seeded.basic)
        body = f"grant_type={grant}&client_id=first-party&refresh_token={load.TOKEN_PLACE}"
        request = load.post(self.auth.url, "/token", body, media_type=FORM)
        return load.with_token(request, len(self.seeded.refresh_tokens[0]))

    def tokens(self, connections: int = 32) -> Load:
        """Ask for tokens of client credentials."""
        return Load(self.auth.url, [self.token_request("client_credentials")], connections)

    def refreshes(self) -> Load:
        """Use and replace refresh tokens."""
        return Load(self.auth.url, [self.token_request("refresh_token")], tokens=self.seeded.take_refresh_tokens(_SESSIONS))

    def logins(self) -> Load:
        """Sign in, each person again and again."""
        bodies = [json.dumps({"username": name, "password": word}) for name, word in self.seeded.passwords.items()]
        requests = [load.post(self.auth.url, "/api/login", body, media_type="application/json") for body in bodies]
        return Load(self.auth.url, requests, connections=len(requests))

    def documents(self, path: str, *, rate: float | None = None) -> Load:
        """Ask for a public document."""
        return Load(self.auth.url, [load.get(self.auth.url, path)], 32 if rate is None else 2, rate=rate)

    def calls(self, kind: str, tokens: list[str]) -> Load:
        """Call one of the bare servers, with each token in turn."""
        url = self.bare[kind].url
        return Load(url, [load.get(url, "/me", token=token) for token in tokens] or [load.get(url, "/me")])

    def sample(self, server: Server, wanted: Load, seconds: float) -> Sample:
        """Measure one load, in a quiet moment if one comes; again when others were busy meanwhile; return the least disturbed."""
        self._await_quiet()
        taken = [self._sample(server, wanted, seconds)]
        while taken[-1].others > BUSY and self.patience >= seconds:
            self.patience -= seconds
            taken.append(self._sample(server, self.refreshes() if wanted.tokens else wanted, seconds))
        return min(taken, key=lambda sample: sample.others)

    def _await_quiet(self) -> None:
        others = 1.0
        while others > BUSY and self.patience > 0:
            before = machine.busy_seconds()
            time.sleep(_LOOK_SECONDS)
            self.patience -= _LOOK_SECONDS
            others = (machine.busy_seconds() - before) / _LOOK_SECONDS

    def mint(self, count: int) -> list[str]:
        """Return access tokens, all different."""
        body = b"grant_type=client_credentials"
        headers = {"Authorization": self.seeded.basic, "Content-Type": FORM}
        request = urllib.request.Request(self.auth.url + "/token", body, headers)
        tokens = []
        for _ in range(count):
            with urllib.request.urlopen(request, timeout=10) as answer:
                tokens.append(json.load(answer)["access_token"])
        return tokens

    def fetch(self, path: str) -> bytes:
        """Return a public document."""
        with urllib.request.urlopen(self.auth.url + path, timeout=10) as answer:
            body: bytes = answer.read()
            return body

    def _sample(self, server: Server, wanted: Load, seconds: float) -> Sample:
        before, busy = machine.cpu_seconds(server.pid), machine.busy_seconds()
        own, began = time.process_time(), time.monotonic()
        running = load.start(wanted, seconds, self.cores.load)
        outcome = running.outcome()
        used = machine.cpu_seconds(server.pid) - before
        ours = used + running.cpu_seconds + time.process_time() - own
        others = max(0.0, machine.busy_seconds() - busy - ours) / (time.monotonic() - began)
        if server is self.auth:
            self.answered += outcome.answered
        return Sample(used / outcome.answered * 1e6, outcome, others)


def settings(folder: Path, **more: str) -> dict[str, str]:
    """Return the auth server's settings for a benchmark: production's, but that a refresh token may be used again at once."""
    port = servers.free_port()
    return {
        "AUTH_SERVER_ISSUER": f"http://127.0.0.1:{port}",
        "AUTH_SERVER_PORT": str(port),
        "AUTH_SERVER_DATA_DIR": str(folder / f"data-{port}"),
        "AUTH_SERVER_DEFAULT_RESOURCE": API,
        "AUTH_SERVER_REFRESH_QUIET_WINDOW": "0",
        **more,
    }


@contextmanager
def all_running(folder: Path, *, people: int, families: int, patience: float) -> Iterator[Bench]:
    """Start the auth server and the bare ones on the servers' core; they idle until they are asked."""
    cores, environment = machine.choose_cores(), settings(folder)
    seeded = seeding.seed(environment, people=people, families=families)
    with ExitStack() as stack:
        auth = stack.enter_context(servers.running(servers.auth_server(environment, folder), cores.server))
        bare = {
            kind: stack.enter_context(servers.running(servers.bare_server(kind, folder, auth.url, API), cores.server))
            for kind in ("hello", "open", "cached", "uncached")
        }
        yield Bench(cores, auth, bare, seeded, patience)
