"""The locks say what pyproject.toml asks for, with a digest for each file, and each server's lock is its part of the whole."""

from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

import auth_server
from tests.architecture.locks import Pin, read_lock, read_pyproject, requirements_of_group, unasked, unmet

ROOT = Path(__file__).parents[2]
PYPROJECT = read_pyproject(ROOT)
LOCKS = {
    "dev": ROOT / "requirements.lock",
    "setup": ROOT / "setup.lock",
    "auth-server": ROOT / "auth_server" / "requirements.lock",
    "resource-server": ROOT / "resource_server" / "requirements.lock",
}
NO_BUSINESS_OF_A_RESOURCE_SERVER = {
    "sqlalchemy",
    "alembic",
    "psycopg",
    "psycopg-binary",
    "argon2-cffi",
    "zxcvbn",
    "jinja2",
    "pytest",
    "mypy",
}


@pytest.mark.parametrize("group", LOCKS)
def test_a_lock_pins_what_its_group_asks_for(group: str) -> None:
    assert unmet(requirements_of_group(PYPROJECT, group), read_lock(LOCKS[group])) == [], "run `make lock`"


@pytest.mark.parametrize("group", LOCKS)
def test_every_pin_has_a_digest(group: str) -> None:
    assert [name for name, pin in read_lock(LOCKS[group]).items() if not pin.digests] == []


@pytest.mark.parametrize("group", LOCKS)
def test_a_lock_holds_nothing_that_nobody_asked_for(group: str) -> None:
    assert unasked(requirements_of_group(PYPROJECT, group), read_lock(LOCKS[group])) == [], "run `make lock`"


@pytest.mark.parametrize("group", ["setup", "auth-server", "resource-server"])
def test_a_server_runs_the_versions_that_are_tested(group: str) -> None:
    whole, part = read_lock(LOCKS["dev"]), read_lock(LOCKS[group])

    assert {name: (pin.version, pin.digests) for name, pin in part.items()} == {
        name: (whole[name].version, whole[name].digests) for name in part
    }


def test_the_resource_server_installs_no_database_and_no_password_hash() -> None:
    assert NO_BUSINESS_OF_A_RESOURCE_SERVER & read_lock(LOCKS["resource-server"]).keys() == set()


def test_the_project_depends_on_what_its_two_servers_need() -> None:
    project = {*PYPROJECT["project"]["dependencies"], *PYPROJECT["project"]["optional-dependencies"]["postgres"]}
    groups = {
        *map(str, requirements_of_group(PYPROJECT, "auth-server")),
        *map(str, requirements_of_group(PYPROJECT, "resource-server")),
    }

    assert {str(Requirement(text)) for text in project} == groups


def test_the_version_is_the_same_wherever_it_is_written() -> None:
    assert PYPROJECT["project"]["version"] == auth_server.__version__


@pytest.mark.parametrize("line", ["--index" + "-url https://example.com/simp" + "le", "starlette>=1.10", "-e ."])
def test_a_line_that_is_no_pin_is_refused(line: str, tmp_path: Path) -> None:
    file = tmp_path / "requirements.lock"
    file.write_text(f"# a comment\n{line}\n", encoding="utf-8")

    with pytest.raises(ValueError, match=r"^requirements\.lock: "):
        read_lock(file)


def test_a_requirement_that_the_lock_does_not_meet_is_told() -> None:
    pins = {"starlette": Pin(Version("1.10"))}

    assert unmet([Requirement("starlette>=99"), Requirement("nobody")], pins) == ["nobody", "starlette>=99"]


def test_a_pin_without_a_reason_is_told() -> None:
    pins = {
        "starlette": Pin(Version("1.10")),
        "anyio": Pin(Version("4.16"), parents=frozenset({"starlette"})),
        "left-over": Pin(Version("1"), parents=frozenset({"gone"})),
    }

    assert unasked([Requirement("starlette")], pins) == ["left-over"]
