"""The examples of `docs/examples/` as processes, each with an issuer of its own. A new adapter is a line in EXAMPLES."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.resource_server.calls import HttpAnswer
from tests.resource_server.support import IssuerServer, a_header, a_token, an_issuer, claims

FOLDER: Final = Path(__file__).parents[3] / "docs" / "examples"
# The words after the port, by name of the run; the program is what stands before the colon.
EXAMPLES: Final[dict[str, tuple[str, ...]]] = {
    "asgi": (),
    "starlette": (),
    "fastapi": (),
    "flask": (),
    "wsgi": (),
    "django": (),
    "django:wsgi": ("wsgi",),
    "django_rest": (),
    "litestar": (),
}
# Those that speak something else than our five paths over HTTP have tests of their own.
OTHERS: Final = ("grpc", "mcp", "worker")
_START_SECONDS: Final = 30.0


@dataclass(frozen=True)
class Example:
    """A running example, and the issuer that it trusts."""

    port: int
    issuer: IssuerServer

    @property
    def audience(self) -> str:
        return audience(self.port)

    def token(self, header: Mapping[str, object] | None = None, **members: object) -> bytes:
        """A token that is good now, but for what is named."""
        now = int(time.time())
        good = {"iss": self.issuer.url, "aud": self.audience, "iat": now, "exp": now + 300, "scope": "orders:read"}
        return a_token(claims(**{**good, **members}), a_header(**(header or {})))

    def ask(
        self, path: str, *tokens: bytes, method: str = "GET", headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> HttpAnswer:
        """Send one request, with an Authorization header for each token."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.putrequest(method, path)
            for token in tokens:
                connection.putheader("Authorization", b"Bearer " + token)
            for name, value in {**(headers or {}), **({} if body is None else {"Content-Length": str(len(body))})}.items():
                connection.putheader(name, value)
            connection.endheaders(body)
            answer = connection.getresponse()
            given = tuple((name.lower(), value) for name, value in answer.getheaders())
            return HttpAnswer(answer.status, given, answer.read())
        finally:
            connection.close()


def audience(port: int) -> str:
    return f"http://127.0.0.1:{port}"


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


def environment(issuer: str, port: int) -> dict[str, str]:
    named = {"RESOURCE_SERVER_ISSUER": issuer, "RESOURCE_SERVER_AUDIENCE": audience(port)}
    return {**{name: value for name, value in os.environ.items() if not name.startswith("RESOURCE_SERVER_")}, **named}


def command(name: str, port: int) -> list[str]:
    program = FOLDER / f"{name.partition(':')[0]}_orders.py"
    # -P: the folder of the program is not where imports start, so that no example shadows a library.
    return [sys.executable, "-P", str(program), str(port), *EXAMPLES.get(name, ())]


@contextmanager
def running(name: str) -> Iterator[Example]:
    """Run an example until the block ends, and fail with its output if it does not listen."""
    port = free_port()
    with an_issuer() as issuer:
        program = subprocess.Popen(
            command(name, port), env=environment(issuer.url, port), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        try:
            _await_listening(program, port)
            yield Example(port, issuer)
        finally:
            program.terminate()
            program.communicate(timeout=20)


def _await_listening(program: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and program.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    program.kill()
    output, _ = program.communicate()
    raise AssertionError(f"the example did not listen:\n{output.decode()}")
