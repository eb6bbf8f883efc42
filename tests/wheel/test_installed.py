"""The wheels, installed with pip into an empty environment beside somebody else's `shared`.

Installing asks a package index and takes most of a minute, so this runs where REQUIRE_ALL=1 says so (CI).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import venv
from pathlib import Path

import pytest

from tests.wheel.conftest import Wheels
from tests.wheel.test_wheel import PROJECT, VERIFY

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.environ.get("REQUIRE_ALL") != "1", reason="installs from the package index; REQUIRE_ALL=1 runs it"),
]


class Environment:
    """A virtual environment that holds nothing but pip, and a foreign `shared` in the folder where everything runs.

    Another one's pip may install into it: a pip of its own takes longer to bring than all that is tried here.
    """

    def __init__(self, root: Path, foreign: Path, installer: Environment | None = None) -> None:
        self.root = root
        venv.create(root / "venv", with_pip=installer is None)
        self._installer = installer or self
        self.bin = root / "venv" / ("Scripts" if os.name == "nt" else "bin")
        self.work = root / "work"
        shutil.copytree(foreign, self.work)

    def run(self, *command: str, **more: str) -> subprocess.CompletedProcess[str]:
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("RESOURCE_", "AUTH_", "PYTHON", "PYTEST"))
        }
        environment = {**kept, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PYTHONPATH": str(self.work), **more}
        return subprocess.run(
            [str(self.bin / command[0]), *command[1:]],
            cwd=self.work,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def install(self, *what: str) -> None:
        words = ["--python", str(self.bin / "python"), "install", "--quiet", "--no-compile", *what]
        done = self._installer.run("python", "-m", "pip", *words)
        assert done.returncode == 0, done.stderr

    def installed(self) -> set[str]:
        return {row["name"].lower() for row in json.loads(self.run("python", "-m", "pip", "list", "--format=json").stdout)}


@pytest.fixture(scope="module")
def kit(wheels: Wheels, foreign: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """An environment with the kit alone."""
    environment = Environment(tmp_path_factory.mktemp("kit"), foreign)
    environment.install(str(wheels.kit))
    return environment


def test_the_kit_brings_pyjwt_and_its_cryptography_and_no_more(kit: Environment) -> None:
    brought = kit.installed() - {"pip", "setuptools", "wheel"}

    assert brought == {"sealwright-resource-server", "pyjwt", "cryptography", "cffi", "pycparser"}


def test_the_kit_verifies_beside_a_foreign_shared(kit: Environment) -> None:
    done = kit.run("python", "-c", VERIFY + "assert shared.MARK == 'foreign'\n")

    assert done.returncode == 0, done.stderr


def test_the_command_is_installed_and_explains(kit: Environment) -> None:
    done = kit.run("resource-server", "explain", "rt1_x", "--issuer", "http://127.0.0.1:9", "--json")

    report = json.loads(done.stdout)
    assert (done.returncode, report["reason"]) == (1, "malformed_token")
    assert [mistake["name"] for mistake in report["mistakes"]] == ["refresh_token"]
    assert kit.run("resource-server", "doctor", "--issuer", "http://127.0.0.1:9").returncode == 1


def test_a_type_checker_sees_that_the_kit_is_typed(kit: Environment) -> None:
    program = (
        "import resource_server; from pathlib import Path; print(Path(resource_server.__file__).with_name('py.typed').exists())"
    )

    assert kit.run("python", "-c", program).stdout.strip() == "True"


def test_an_adapter_asks_for_its_framework_when_it_is_used(kit: Environment) -> None:
    """The kit imports without Flask; the line that needs Flask says so."""
    program = (
        "from resource_server import Guard\n"
        "guard = Guard(issuer='https://id.example.com', audience='https://orders.example.com')\n"
        "guard.wrap(lambda *_: None)\n"
        "guard.flask(object())\n"
    )
    done = kit.run("python", "-c", program)

    assert done.returncode == 1
    assert "No module named 'flask'" in done.stderr


def test_the_example_project_passes_with_the_real_issuer(
    kit: Environment, wheels: Wheels, foreign: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    environment = Environment(tmp_path_factory.mktemp("project"), foreign, installer=kit)
    environment.install(f"{wheels.kit}[flask,testing]", str(wheels.auth_server))
    shutil.copytree(PROJECT, environment.work, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)

    done = environment.run("python", "-m", "pytest", "-q", "-p", "no:cacheprovider", "--sealwright-issuer=real")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "10 passed" in done.stdout
