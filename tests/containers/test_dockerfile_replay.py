"""Each Dockerfile's steps, carried out in an empty folder: the result holds what its server needs, and nothing of the other side.

Installing from the locks asks a package index and takes half a minute, so these run where REQUIRE_ALL=1 says so (CI).
"""

import contextlib
import http.client
import json
import os
import socket
from pathlib import Path
from typing import Any

import pytest

from tests.containers.dockerfile import read_dockerfile
from tests.containers.replay import Replayed, replay

ROOT = Path(__file__).parents[2]
DATABASES_AND_PASSWORDS = ("sqlalchemy", "alembic", "psycopg", "argon2", "zxcvbn")
TOOLS = ("pytest", "mypy", "hypothesis", "pip")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.environ.get("REQUIRE_ALL") != "1", reason="installs from the package index; REQUIRE_ALL=1 runs it"),
]


@pytest.fixture(scope="module")
def auth_image(tmp_path_factory: pytest.TempPathFactory) -> Replayed:
    """The auth server's image, as a folder."""
    return replay(read_dockerfile(ROOT / "auth_server" / "Dockerfile"), ROOT, tmp_path_factory.mktemp("auth-image"))


@pytest.fixture(scope="module")
def resource_image(tmp_path_factory: pytest.TempPathFactory) -> Replayed:
    """The resource server's image, as a folder."""
    return replay(read_dockerfile(ROOT / "resource_server" / "Dockerfile"), ROOT, tmp_path_factory.mktemp("resource-image"))


@pytest.mark.parametrize("command", [("--help",), ("serve", "--help"), ("health", "--help")], ids=" ".join)
def test_the_resource_server_answers_in_its_image(command: tuple[str, ...], resource_image: Replayed) -> None:
    done = resource_image.run("resource-server", *command)

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("command", [("--help",), ("migrate", "--help"), ("config", "check")], ids=" ".join)
def test_the_auth_server_answers_in_its_image(command: tuple[str, ...], auth_image: Replayed) -> None:
    done = auth_image.run("auth-server", *command)

    assert done.returncode == 0, done.stderr


def test_the_auth_server_migrates_a_database_in_its_image(auth_image: Replayed) -> None:
    """The migrations are files beside the code: an image without them starts, and fails here."""
    (auth_image.root / "var" / "lib" / "sealwright").mkdir(parents=True, mode=0o700, exist_ok=True)

    done = auth_image.run("auth-server", "migrate")

    assert done.returncode == 0, done.stderr
    assert (auth_image.root / "var" / "lib" / "sealwright" / "auth_server.db").is_file()


@pytest.mark.parametrize("module", [*DATABASES_AND_PASSWORDS, *TOOLS, "auth_server"])
def test_the_resource_servers_image_lacks(module: str, resource_image: Replayed) -> None:
    assert not resource_image.imports(module)


@pytest.mark.parametrize("module", [*TOOLS, "resource_server"])
def test_the_auth_servers_image_lacks(module: str, auth_image: Replayed) -> None:
    assert not auth_image.imports(module)


@pytest.mark.parametrize("module", ["jwt", "cryptography", "starlette", "uvicorn", "uvloop", "httptools", "shared"])
def test_both_images_hold(module: str, auth_image: Replayed, resource_image: Replayed) -> None:
    assert auth_image.imports(module)
    assert resource_image.imports(module)


def test_nothing_is_written_beside_the_code(resource_image: Replayed) -> None:
    """The root file system is read-only in a container: everything was compiled while the image was made."""
    before = resource_image.files()

    resource_image.run("resource-server", "--help")

    assert resource_image.files() == before
    assert any(file.startswith("app/shared/__pycache__/") for file in before)


def test_a_token_of_one_image_opens_the_other_also_when_the_first_has_stopped(
    auth_image: Replayed, resource_image: Replayed, tmp_path: Path
) -> None:
    """As in the compose file, the issuer is fetched under another name than the one in its tokens."""
    issuer_port, api_port = _free_ports(2)
    issuer, person = f"http://localhost:{issuer_port}", {"username": "alice", "password": "correct horse battery staple 7"}
    auth_settings = {
        "AUTH_SERVER_ISSUER": issuer,
        "AUTH_SERVER_HOST": "127.0.0.1",
        "AUTH_SERVER_PORT": str(issuer_port),
        "AUTH_SERVER_DATA_DIR": str(tmp_path / "data"),
        "AUTH_SERVER_CONFIG": str(ROOT / "docs" / "demo" / "config.toml"),
    }
    api_settings = {
        "RESOURCE_SERVER_ISSUER": issuer,
        "RESOURCE_SERVER_METADATA_URL": f"http://127.0.0.1:{issuer_port}",
        "RESOURCE_SERVER_HOST": "127.0.0.1",
        "RESOURCE_SERVER_PORT": str(api_port),
    }
    with auth_image.serving("auth-server", **auth_settings) as auth_server:
        with resource_image.serving("resource-server", **api_settings):
            created, _ = _call(issuer_port, "/api/registration", {**person, "email": "alice@example.com"})
            signed_in, answer = _call(issuer_port, "/api/login", person)
            before, mine = _call(api_port, "/me", token=answer["access_token"])
            auth_server.terminate()
            auth_server.wait(timeout=20)
            after, _ = _call(api_port, "/me", token=answer["access_token"])

    assert (created, signed_in, before, after) == (201, 200, 200, 200)
    assert mine["claims"]["iss"] == issuer


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as opened:
        sockets = [opened.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [int(listener.getsockname()[1]) for listener in sockets]


def _call(port: int, path: str, body: dict[str, str] | None = None, token: str | None = None) -> tuple[int, dict[str, Any]]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    headers = {"Content-Type": "application/json"} if body else {"Authorization": f"Bearer {token}"}
    connection.request("POST" if body else "GET", path, json.dumps(body) if body else None, headers)
    with contextlib.closing(connection):
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read() or b"{}")
