"""The pages about grants and flows: what stands in their shell blocks runs as it stands, against a real server."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from docs.demo.servers import Server, config_for, free_ports
from tests.support.databases import skip_or_fail

ROOT = Path(__file__).parents[2]
# Page: what its last answer has to hold.
PAGES = {
    "client-authentication.md": '"scope":"notes:read"',
    "workload-identity.md": '"scope":"notes:read"',
    "introspection.md": '"active":true',
    "token-exchange.md": '"issued_token_type":"urn:ietf:params:oauth:token-type:access_token"',
    "shared-signals.md": '"moreAvailable":false',
    "device.md": '"user_code":"',
    "dynamic-registration.md": '"client_name":"An agent"',
    "mail.md": "the settings are good",
    "pages.md": "<h1>Sign in</h1>",
    "accounts.md": '"username":"demo"',
    "tokens.md": "revoked: 200",
    "cookie-transport.md": "signed out: 204",
    "logout.md": "303 https://wiki.example.com/bye?state=x",
    "api.md": "/token POST",
}


@dataclass
class Site:
    """A running auth server with the demo user, and the environment of somebody who types at it."""

    issuer: str
    api: str
    environment: dict[str, str]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    if shutil.which("curl") is None or shutil.which("bash") is None:
        skip_or_fail("curl or bash was not found")
    folder = tmp_path_factory.mktemp("documented")
    port, api_port = free_ports(2)
    issuer, api = f"http://localhost:{port}", f"http://localhost:{api_port}"
    password = "a long pass phrase " + secrets.token_hex(8)
    (folder / "password").write_text(password, encoding="utf-8")
    config = config_for(api, folder)
    with config.open("a", encoding="utf-8") as file:
        file.write('\n[[users]]\nusername = "demo"\nroles = ["editor"]\npassword_file = "password"\n')
    settings = {
        "AUTH_SERVER_ISSUER": issuer,
        "AUTH_SERVER_PORT": str(port),
        "AUTH_SERVER_DATA_DIR": str(folder / "data"),
        "AUTH_SERVER_CONFIG": str(config),
        "AUTH_SERVER_TOKEN_EXCHANGE": "true",
        "AUTH_SERVER_SHARED_SIGNALS": "true",
        "AUTH_SERVER_DYNAMIC_REGISTRATION": "token",
    }
    server = Server("auth server", "auth_server", issuer, settings, folder / "auth_server.log")
    own = {"RESOURCE_SERVER_ISSUER": issuer, "RESOURCE_SERVER_PORT": str(api_port), "RESOURCE_SERVER_AUDIENCE": api}
    resource_server = Server("resource server", "resource_server", api, own, folder / "resource_server.log")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    typed = {**os.environ, **settings, "PATH": path, "PASSWORD": password}
    try:
        server.start()
        resource_server.start()
        yield Site(issuer, api, typed)
    finally:
        resource_server.stop()
        server.stop()


def _script(page: str, site: Site) -> str:
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert blocks, page
    script = "\n".join(blocks).replace("http://localhost:8000", site.issuer).replace("http://localhost:8001", site.api)
    return script.replace("docs/demo/", f"{ROOT}/docs/demo/")


@pytest.mark.parametrize("page", PAGES)
def test_the_commands_of_a_page_run_as_they_stand(site: Site, page: str, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(secrets.token_urlsafe(32), encoding="utf-8")
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", _script(page, site)],
        cwd=tmp_path,
        env={**site.environment, "SECRET_FILE": str(tmp_path / "secret")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 0, done.stdout[-2_000:] + done.stderr[-2_000:]
    assert PAGES[page] in done.stdout
