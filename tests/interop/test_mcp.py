"""The MCP Python SDK's own client against a protected MCP server, as `docs/mcp.md` tells it: the paper's own commands are run."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx2
import pytest

from docs.demo.servers import ROOT, answers, free_ports
from docs.demo.story import call
from tests.flows.pair import TIMINGS
from tests.interop.site import PROGRAMS, SETTINGS, wait_until
from tests.support.forms import FormBrowser
from tests.support.outside import Outside, an_outside

PASSWORD: Final = "correct horse battery staple 42"
PAPER: Final = ROOT / "docs" / "mcp.md"
DOCUMENT: Final = "https://app.outside.example/client.json"


def commands(name: str) -> str:
    """Return the commands of a block of the paper."""
    pattern = rf"<!-- run by tests/interop/test_mcp.py: {name} -->\n\n```sh\n(.*?)```"
    (found,) = re.findall(pattern, PAPER.read_text(encoding="utf-8"), re.DOTALL)
    return str(found)


@dataclass
class Workshop:
    """A folder where the paper's commands are run, with its addresses in the place of the paper's."""

    folder: Path
    issuer: str
    server: str
    environment: dict[str, str]

    def run(self, name: str, *, instead: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """Run a block to its end."""
        return subprocess.run(self.shell(name, instead), capture_output=True, text=True, check=True, **self.place())

    def shell(self, name: str, instead: Mapping[str, str] | None = None) -> list[str]:
        """Return the words that run a block."""
        text = commands(name)
        replaced = {"http://localhost:8080": self.server, "orders.py 8080": f"orders.py {self.server.rpartition(':')[2]}"}
        for old, new in {**replaced, **(instead or {})}.items():
            text = text.replace(old, new)
        return ["bash", "-euc", text]

    def said(self) -> str:
        """Return what both servers wrote until now."""
        return (self.folder / "log").read_text(encoding="utf-8")

    def place(self) -> dict[str, Any]:
        """Return where it is run: programs are found as in an activated environment."""
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        return {"cwd": self.folder, "env": {**os.environ, **self.environment, "PATH": path}}


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outside]:
    """The internet: one TLS server, where a client publishes a document about itself."""
    ready, stop = threading.Event(), asyncio.Event()
    made: list[Outside] = []
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        async with an_outside(tmp_path_factory.mktemp("outside")) as server:
            server.pages[DOCUMENT] = {
                "client_id": DOCUMENT,
                "client_name": "Example",
                "redirect_uris": ["http://127.0.0.1/cb"],
                "grant_types": ["authorization_code", "refresh_token"],
                "token_endpoint_auth_method": "none",
            }
            made.append(server)
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    assert ready.wait(30)
    yield made[0]
    loop.call_soon_threadsafe(stop.set)
    thread.join()
    loop.close()


@pytest.fixture(scope="module")
def workshop(outside: Outside, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    """The paper's first two steps: an issuer by the preset, an MCP server in one line, both as processes."""
    folder = tmp_path_factory.mktemp("mcp")
    (folder / "docs").symlink_to(ROOT / "docs")
    issuer_port, server_port = free_ports(2)
    issuer, server = f"http://localhost:{issuer_port}", f"http://localhost:{server_port}"
    timings = TIMINGS | {
        name: value for name, value in SETTINGS.items() if name.startswith(("AUTH_SERVER_ACCESS", "AUTH_SERVER_KEY"))
    }
    own = {"AUTH_SERVER_ISSUER": issuer, "AUTH_SERVER_PORT": str(issuer_port), "PYTHONPATH": str(ROOT), **timings}
    place = Workshop(folder, issuer, server, own)
    place.run("prepare")
    prepared = (folder / "data" / "mcp.env").read_text(encoding="utf-8")
    place.environment |= dict(line.split("=", 1) for line in prepared.splitlines())
    place.environment |= {"OUTSIDE_PORT": str(outside.port), "OUTSIDE_AUTHORITY": str(outside.folder / "authority.pem")}
    with running(place):
        yield place


@contextlib.contextmanager
def running(place: Workshop) -> Iterator[None]:
    """Run the block `serve` until the end; the issuer's internet is the test's."""
    instead = {"auth-server serve": f"{sys.executable} -P {PROGRAMS / 'issuer_outside.py'}"}
    with (place.folder / "log").open("ab") as log:
        shell = subprocess.Popen(
            [*place.shell("serve", instead)[:2], place.shell("serve", instead)[2] + "wait"],
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            **place.place(),
        )
        try:
            wait_until(lambda: answers(f"{place.issuer}/readyz"))
            wait_until(lambda: answers(f"{place.server}/.well-known/oauth-protected-resource/mcp"))
            # On a busy machine it may serve before it has keys, and the SDK's client gives up at the first 503.
            wait_until(lambda: "keys_adopted" in place.said())
            yield
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(shell.pid, 15)
            shell.wait(timeout=30)


def be_a_person(place: Workshop, instead: Mapping[str, str] | None = None) -> tuple[str, str]:
    """Run the paper's client and do what it asks; return what the consent page said, and what the client printed."""
    with (
        subprocess.Popen(
            place.shell("client", instead), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **place.place()
        ) as client,
        FormBrowser(place.issuer) as browser,
    ):
        assert client.stdout is not None
        first = client.stdout.readline()
        assert first.startswith("open "), client.communicate()
        page = browser.open(first.removeprefix("open ").strip())
        consent = browser.submit(page, username="alice", password=PASSWORD)
        answer = browser.submit(consent)
        httpx2.get(answer.headers["location"])
        said, complaints = client.communicate(timeout=120)
        assert client.returncode == 0, f"{complaints}\nthe servers said:\n{place.said()}"
    return consent.text, said


def test_a_client_that_nobody_knows_registers_itself_and_calls_a_tool(workshop: Workshop) -> None:
    consent, said = be_a_person(workshop)

    subject, again, known = said.splitlines()
    assert subject == again
    assert re.fullmatch(r"the tool says: [\w-]{20,}", subject)
    assert re.fullmatch(r"known as [\w-]+, with offline_access orders:read", known)
    # RFC 8252 and the MCP text: the person sees where the answer goes.
    assert re.search(r'<span class="host">127\.0\.0\.1:\d+</span>', consent)


def test_a_client_is_known_by_the_document_at_its_own_address(workshop: Workshop, outside: Outside) -> None:
    consent, said = be_a_person(workshop, {"/mcp\n": f"/mcp {DOCUMENT}\n"})

    assert f"known as {DOCUMENT}, with offline_access orders:read" in said
    assert "describes itself at app.outside.example" in consent
    assert "runs on your own computer" in consent
    assert outside.asked == [f"GET {DOCUMENT}"]


def test_the_token_of_a_client_is_for_that_server_alone(workshop: Workshop) -> None:
    """RFC 8707: what was not asked for by `resource` is not in `aud`, and the server takes nothing else."""
    metadata = call("GET", f"{workshop.server}/.well-known/oauth-protected-resource/mcp").body
    refused = call("POST", f"{workshop.server}/mcp", json_body={"jsonrpc": "2.0", "id": 1, "method": "tools/list"})

    assert (metadata["resource"], metadata["authorization_servers"]) == (f"{workshop.server}/mcp", [workshop.issuer])
    assert metadata["scopes_supported"] == ["orders:read"]
    assert refused.status == 401
    assert f'resource_metadata="{workshop.server}/.well-known/oauth-protected-resource/mcp"' in refused.challenge


@pytest.mark.parametrize("path", ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"])
def test_every_place_says_what_mcp_clients_look_for(workshop: Workshop, path: str) -> None:
    document = call("GET", workshop.issuer + path).body

    assert document["issuer"] == workshop.issuer
    assert document["code_challenge_methods_supported"] == ["S256"]
    assert document["authorization_response_iss_parameter_supported"] is True
    assert document["client_id_metadata_document_supported"] is True
    assert document["registration_endpoint"] == f"{workshop.issuer}/register"
    assert "offline_access" in document["scopes_supported"]
    assert "none" in document["token_endpoint_auth_methods_supported"]
