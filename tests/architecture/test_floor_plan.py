"""The tables of the floor plan say what is there: no row names a room, a file or a door that does not exist, and the paper agrees."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.architecture import floor_plan
from tests.architecture.import_law import used_doors

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    "paths",
    [
        floor_plan.PURE_FOLDERS,
        floor_plan.PURE_FILES,
        floor_plan.LAZY_IMPORTERS,
        floor_plan.MAY_SEE_BOTH,
        floor_plan.ENVIRONMENT_READERS,
    ],
)
def test_every_place_of_a_table_exists(paths: tuple[str, ...]) -> None:
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_every_room_exists() -> None:
    rooms = {path.stem for path in (ROOT / "auth_server").iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()}

    assert set(floor_plan.FLOORS) == rooms - {"__init__"}


def test_something_comes_in_by_every_door() -> None:
    assert {(library, door) for library, doors in floor_plan.DOORS.items() for door in doors} == used_doors(ROOT)


def test_the_paper_draws_every_room_on_its_floor() -> None:
    plan = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8").partition("```text\nauth_server/\n")[2].partition("\n\n")[0]
    drawn = {
        room: int(line[:2])
        for line in plan.splitlines()
        for room in re.findall(r"(\w+)(?:/|\.py)(?=\s|$)", line)
        if not line.startswith(" 0")
    }

    assert {room: floor for room, floor in floor_plan.FLOORS.items() if room != "__main__"} == drawn


@pytest.mark.parametrize("folder", ["resource_server", "tests"])
def test_the_paper_tells_of_every_folder(folder: str) -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    told = (
        text.partition("\n## Tests\n")[2] if folder == "tests" else text.partition("\nresource_server/\n")[2].partition("```")[0]
    )
    rooms = [path.name for path in (ROOT / folder).iterdir() if (path / "__init__.py").is_file()]

    # The tests of each part mirror it under its own name.
    mirrors = ("auth_server", "resource_server", "shared", "benchmarks")
    assert [room for room in rooms if room not in mirrors and f"{room}/" not in told] == []
