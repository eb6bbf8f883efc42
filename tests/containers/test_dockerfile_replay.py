"""Each Dockerfile's steps, carried out in an empty folder: the result holds what its server needs, and nothing of the other side.

Installing from the locks asks a package index and takes half a minute, so these run where REQUIRE_ALL=1 says so (CI).
"""

import os
from pathlib import Path

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
