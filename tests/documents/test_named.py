"""Whatever a paper names exists: its links, files, targets of make, commands with their options, settings."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.architecture.plain_text import tracked_files
from tests.documents import named

ROOT = Path(__file__).parents[2]
TRACKED = frozenset(file.relative_to(ROOT).as_posix() for file in tracked_files(ROOT))
PAGES = sorted(ROOT / path for path in TRACKED if path.endswith(".md"))
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
# What a measurement writes beside the tables that are kept.
WRITTEN_LATER = frozenset({"docs/performance/results.md", "results.svg"})
# Told of because it is not there.
TOLD_AS_WRONG = frozenset({"auth-server clent list", "AUTH_SERVER_SERVICE_HOST", "chain.py"})

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())


def test_every_page_for_readers_is_in_the_index() -> None:
    index = (ROOT / "README.md").read_text(encoding="utf-8")

    assert [path for path in TRACKED if re.fullmatch(r"docs/[\w-]+\.md", path) and f"]({path})" not in index] == []


def test_every_decision_is_in_the_list_of_them() -> None:
    listed = (ROOT / "docs" / "decisions" / "README.md").read_text(encoding="utf-8")

    assert [path for path in TRACKED if "decisions/0" in path and f"]({Path(path).name})" not in listed] == []


@every_page
def test_every_link_leads_somewhere(page: Path) -> None:
    assert named.lost_links(page) == []


@every_page
def test_every_file_is_there(page: Path) -> None:
    assert set(named.lost_files(page, TRACKED | WRITTEN_LATER)) <= TOLD_AS_WRONG


@every_page
def test_every_target_of_make_is_one(page: Path) -> None:
    assert named.lost_targets(page, MAKEFILE) == []


@every_page
def test_every_command_has_that_verb_and_those_options(page: Path) -> None:
    assert set(named.lost_commands(page)) <= TOLD_AS_WRONG


@every_page
def test_every_setting_is_one(page: Path) -> None:
    assert set(named.lost_settings(page)) <= TOLD_AS_WRONG


@pytest.mark.parametrize(
    "line, lost",
    [
        ("[a](gone.md)", "gone.md"),
        ("[a](#gone)", "#gone"),
        ("see `keys/gone.py`", "keys/gone.py"),
        ("run `make gone`", "gone"),
        ("`auth-server key gone`", "auth-server key gone"),
        ("```sh\n$ auth-server key list --gone\n```", "auth-server key list --gone"),
        ("set `AUTH_SERVER_GONE`", "AUTH_SERVER_GONE"),
    ],
)
def test_what_is_not_there_is_told(line: str, lost: str, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"# Page\n\n{line}\n", encoding="utf-8")

    found = [
        *named.lost_links(page),
        *named.lost_files(page, TRACKED),
        *named.lost_targets(page, MAKEFILE),
        *named.lost_commands(page),
        *named.lost_settings(page),
    ]

    assert set(found) == {lost}
