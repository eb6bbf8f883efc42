"""The wheels without installing them: what is in them, and what runs from them beside somebody else's `shared`.

The quick half of the proof: nothing is fetched. `test_installed.py` is the whole one.
"""

from __future__ import annotations

import ast
import email
import json
import shutil
import tempfile
import tomllib
import zipfile
from configparser import ConfigParser
from email.message import Message
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from docs.packaging.build import DISTRIBUTIONS, KIT, build
from tests.wheel.conftest import Wheels, run_without_checkout

ROOT = Path(__file__).parents[2]
PROJECT = ROOT / "docs" / "examples" / "project"
EXTRAS = {"starlette", "fastapi", "flask", "django", "drf", "litestar", "grpc", "mcp", "jwe", "testing"}
IMPORT_EVERYTHING = """
import importlib, pkgutil, sys
import resource_server
found = [m.name for m in pkgutil.walk_packages(resource_server.__path__, "resource_server.") if not m.name.endswith("__main__")]
for name in found:
    importlib.import_module(name)
assert "resource_server._shared.jose" in sys.modules
assert "shared" not in sys.modules and "auth_server" not in sys.modules
import shared
assert shared.MARK == "foreign"
print(len(found))
"""
BLOCKED = "import sys\nfor name in {names!r}: sys.modules[name] = None\n"
FRAMEWORKS = (
    "starlette",
    "fastapi",
    "flask",
    "werkzeug",
    "django",
    "rest_framework",
    "litestar",
    "grpc",
    "mcp",
    "pytest",
    "joserfc",
    "httpx2",
)
VERIFY = """
import shared
from resource_server import Guard
from resource_server.cli import main
from resource_server.testing import reason_of, start_issuer
with start_issuer({"https://orders.example.com": ["orders:read"]}) as issuer:
    assert not issuer.is_real
    guard = issuer.guard()
    assert guard.verify(issuer.token(scope="orders:read")).scopes == {"orders:read"}
    assert reason_of(guard, issuer.token(aud="https://other.example.com")) == "wrong_audience"
    guard.wrap(lambda *_: None, public=["/livez"])
    words = ["--issuer", issuer.url, "--audience", issuer.audience, "--json"]
    assert main(["explain", issuer.token(), *words]) == 0
    assert main(["explain", issuer.token(typ="JWT"), *words]) == 1
    assert main(["doctor", *words]) == 0
    guard.close()
"""


def metadata(unpacked: Path) -> Message:
    return email.message_from_string(next(unpacked.glob("*.dist-info/METADATA")).read_text(encoding="utf-8"))


def needs(unpacked: Path) -> list[Requirement]:
    return [Requirement(text) for text in metadata(unpacked).get_all("Requires-Dist", [])]


def entry_points(unpacked: Path) -> ConfigParser:
    parser = ConfigParser(delimiters="=")
    parser.read_string(next(unpacked.glob("*.dist-info/entry_points.txt")).read_text(encoding="utf-8"))
    return parser


def test_the_kit_needs_pyjwt_and_nothing_else(wheels: Wheels) -> None:
    always = [str(need) for need in needs(wheels.unpacked_kit) if need.marker is None]

    assert always == ["pyjwt[crypto]>=2.15"]


def test_there_is_an_extra_for_each_framework(wheels: Wheels) -> None:
    assert set(metadata(wheels.unpacked_kit).get_all("Provides-Extra", [])) == EXTRAS
    adapters = {path.stem for path in (ROOT / "resource_server" / "adapters").glob("*.py")}
    named = {"django_rest": "drf"}
    # What needs no framework: ASGI, WSGI, and what adapters share.
    assert {named.get(name, name) for name in adapters} - {"__init__", "asgi", "wsgi", "contract", "decorator"} <= EXTRAS


def _without_marker(need: Requirement) -> str:
    extras = f"[{','.join(sorted(need.extras))}]" if need.extras else ""
    return f"{need.name}{extras}{need.specifier}".lower()


def test_versions_are_those_that_are_tested(wheels: Wheels) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    groups = project["dependency-groups"]
    tested = {str(Requirement(text)).lower() for group in groups.values() for text in group if isinstance(text, str)}
    wanted = {_without_marker(need) for need in needs(wheels.unpacked_kit)}

    assert wanted <= tested
    assert {metadata(folder)["Version"] for folder in (wheels.unpacked_kit, wheels.unpacked_auth_server)} == {
        project["project"]["version"]
    }


def test_entry_points_are_there(wheels: Wheels) -> None:
    kit, auth_server = entry_points(wheels.unpacked_kit), entry_points(wheels.unpacked_auth_server)

    assert kit["console_scripts"]["resource-server"] == "resource_server.cli:main"
    assert kit["pytest11"]["sealwright"] == "resource_server.testing.plugin"
    assert auth_server["sealwright.test_issuer"]["auth-server"] == "auth_server.testing:start"
    assert auth_server["console_scripts"]["auth-server"] == "auth_server.cli.main:main"


def test_each_holds_its_own_package_and_nothing_of_the_other(wheels: Wheels) -> None:
    for unpacked, package in ((wheels.unpacked_kit, "resource_server"), (wheels.unpacked_auth_server, "auth_server")):
        assert {path.name for path in unpacked.iterdir() if not path.name.endswith(".dist-info")} == {package}
        assert (unpacked / package / "py.typed").is_file()
        assert (unpacked / package / "_shared" / "jose.py").is_file()
    assert not (wheels.unpacked_kit / "resource_server" / "demo").exists()


def test_no_module_imports_shared_by_its_common_name(wheels: Wheels) -> None:
    for unpacked in (wheels.unpacked_kit, wheels.unpacked_auth_server):
        for path in unpacked.rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                named = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
                named += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                assert not any(name.partition(".")[0] == "shared" for name in named), path


def _contents(wheel: Path) -> dict[str, int]:
    with zipfile.ZipFile(wheel) as archive:
        return {entry.filename: entry.CRC for entry in archive.infolist()}


@pytest.mark.parametrize("distribution", DISTRIBUTIONS, ids=lambda distribution: distribution.name)
def test_building_again_gives_the_same_bytes(distribution: object, wheels: Wheels, tmp_path: Path) -> None:
    first = wheels.kit if distribution is KIT else wheels.auth_server

    again = build(distribution, tmp_path, wheels.sources)

    assert _contents(again) == _contents(first)  # says which file differs
    assert again.read_bytes() == first.read_bytes()


def test_the_bytes_do_not_depend_on_where_they_are_built(wheels: Wheels, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The backend looks for a .gitignore in every folder above: one beside the temporary folders would decide what a wheel holds."""
    (tmp_path / ".gitignore").write_text("testing/\n*.typed\n", encoding="utf-8")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    again = build(KIT, tmp_path / "dist", wheels.sources)

    assert _contents(again) == _contents(wheels.kit)
    assert again.read_bytes() == wheels.kit.read_bytes()


def test_every_module_of_the_kit_imports_beside_a_foreign_shared(
    wheels: Wheels, foreign: Path, third_party: Path, tmp_path: Path
) -> None:
    done = run_without_checkout([foreign, wheels.unpacked_kit, third_party], "-c", IMPORT_EVERYTHING, cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 50


def test_the_kit_verifies_and_explains_without_any_framework(
    wheels: Wheels, foreign: Path, third_party: Path, tmp_path: Path
) -> None:
    program = BLOCKED.format(names=FRAMEWORKS) + VERIFY

    done = run_without_checkout([foreign, wheels.unpacked_kit, third_party], "-c", program, cwd=tmp_path)

    assert done.returncode == 0, done.stderr


def test_the_command_of_the_kit_has_no_service_to_serve(wheels: Wheels, third_party: Path, tmp_path: Path) -> None:
    done = run_without_checkout([wheels.unpacked_kit, third_party], "-m", "resource_server", "--help", cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    assert {"explain", "doctor", "health", "config"} <= set(done.stdout.split())
    assert "serve" not in done.stdout.split()


def test_the_example_project_passes_from_the_wheels(wheels: Wheels, foreign: Path, third_party: Path, tmp_path: Path) -> None:
    """Its issuer is the real one, found by the entry point of the auth server's distribution."""
    shutil.copytree(PROJECT, tmp_path / "project", ignore=shutil.ignore_patterns("__pycache__"))
    path = [foreign, wheels.unpacked_kit, wheels.unpacked_auth_server, third_party]

    done = run_without_checkout(
        path, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--sealwright-issuer=real", cwd=tmp_path / "project"
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "10 passed" in done.stdout


def test_the_paper_and_the_example_agree() -> None:
    """docs/testing.md names what the example uses, and the example is a project that a stranger could have."""
    declared = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    assert declared["dependencies"] == ["sealwright-resource-server[flask]"]
    assert "(examples/project/)" in (ROOT / "docs" / "testing.md").read_text(encoding="utf-8")
    assert json.dumps(declared).count("sealwright-auth-server") == 1
