"""An issuer with everything switched on that a foreign client may want, and the person at its pages."""

from __future__ import annotations

import json
import os
import re
import secrets
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from docs.demo.story import call
from tests.flows.pair import Pair, make_pair
from tests.support.forms import FormBrowser

PROGRAMS: Final = Path(__file__).parent / "programs"
# What the code grant needs of a client on somebody's own machine: RFC 8252 section 7.3 leaves the port free.
LOOPBACK: Final = "http://127.0.0.1/cb"
_CONVERSATION_SECONDS: Final = 120
# Longer than a test: no foreign client should meet the end of a token that it was just given.
SETTINGS: Final = {
    "AUTH_SERVER_ACCESS_TOKEN_LIFETIME": "120",
    "AUTH_SERVER_KEY_RETIRE_AFTER": "300",
    "AUTH_SERVER_KEY_ROTATION_PERIOD": "400",
    "AUTH_SERVER_DYNAMIC_REGISTRATION": "open",
    "AUTH_SERVER_CLIENT_ID_METADATA": "true",
    "AUTH_SERVER_TOKEN_EXCHANGE": "true",
}


@dataclass(slots=True)
class Site:
    """A running issuer with alice, and an API that takes its tokens."""

    pair: Pair

    @property
    def issuer(self) -> str:
        """The issuer's address."""
        return self.pair.issuer

    def client(self, prefix: str, *arguments: str) -> tuple[str, str]:
        """Register a client of its own for a test; return its id and its secret, empty for a public one."""
        client_id = f"{prefix}-{secrets.token_hex(4)}"
        made = self.pair.operate("client", "create", "--client-id", client_id, *arguments)
        return client_id, str(made.get("client_secret") or "")

    def sign_in(self, address: str) -> str:
        """Be alice: follow an authorization request through the pages; return where the answer goes."""
        with FormBrowser(self.issuer) as browser:
            return str(browser.sign_in(address, "alice", self.pair.password).headers["location"])

    def approve(self, address: str) -> str:
        """Be alice with a device's code on her telephone: sign in, look at it, approve it; return the heading of the last page."""
        with FormBrowser(self.issuer) as browser:
            page = browser.open(address)
            for _ in range(5):
                path = urlsplit(str(page.url)).path
                if path == "/device/approved":
                    break
                filled = {"username": "alice", "password": self.pair.password} if path.startswith("/login") else {}
                page = browser.submit(page, **filled)
            return "".join(re.findall(r"<h1[^>]*>(.*?)</h1>", page.text, re.DOTALL)).strip()

    def notes(self, access_token: str) -> int:
        """Call the API; return the status."""
        return self.pair.get("/notes", access_token).status

    def metadata(self) -> Any:
        """The metadata document."""
        return call("GET", f"{self.issuer}/.well-known/oauth-authorization-server").body


@contextmanager
def a_site(folder: Path, **settings: str) -> Iterator[Site]:
    """Run an issuer and an API."""
    pair = make_pair(folder, {"alice": ["editor"]}, **(SETTINGS | settings))
    try:
        pair.auth.start()
        pair.resource.start()
        yield Site(pair)
    finally:
        pair.resource.stop()
        pair.auth.stop()


def converse(site: Site, command: Sequence[str], environment: Mapping[str, str], *, cwd: Path | None = None) -> dict[str, Any]:
    """Run a client and play the person before it: a line of JSON asks for something, a line answers; return what it saw.

    `{"open": URL}` wants a person to sign in there, and is answered with where the browser was sent; `{"approve": URL}` wants a device
    let in; `{"saw": {...}}` ends it.
    """
    told: dict[str, Any] = {}
    program = subprocess.Popen(
        command,
        cwd=cwd,
        env={**os.environ, **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert program.stdin is not None
    assert program.stdout is not None
    for line in program.stdout:
        asked = json.loads(line)
        if "saw" in asked:
            told = asked["saw"]
            continue
        answer = site.sign_in(asked["open"]) if "open" in asked else site.approve(asked["approve"])
        program.stdin.write(answer + "\n")
        program.stdin.flush()
    _, complaints = program.communicate(timeout=_CONVERSATION_SECONDS)
    assert program.returncode == 0, complaints
    return told


def wait_until(is_so: Callable[[], bool], seconds: float = 60) -> None:
    """Wait for something that takes as long as it takes.

    Raises:
        AssertionError: it did not happen.
    """
    give_up_at = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < give_up_at, "it did not happen"
        time.sleep(0.05)


def a_key_pair(kid: str = "key-1") -> tuple[str, str]:
    """Return a private JWK for ES256, and the JWK Set of its public half."""
    made = ec.generate_private_key(ec.SECP256R1())
    named = {"kid": kid, "alg": "ES256"}
    private = ECAlgorithm.to_jwk(made, as_dict=True) | named
    public = ECAlgorithm.to_jwk(made.public_key(), as_dict=True) | named
    return json.dumps(private), json.dumps({"keys": [public]})
