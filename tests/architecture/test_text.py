"""No file names one machine or a package index, and none is too long to be read in one go."""

from pathlib import Path

import pytest

from tests.architecture.plain_text import forbidden_words, too_long

ROOT = Path(__file__).parents[2]


def test_no_file_names_a_path_of_one_machine_or_a_package_index() -> None:
    found = forbidden_words(ROOT)

    assert not found, "\n" + "\n".join(found)


def test_no_file_or_function_is_too_long() -> None:
    found = too_long(ROOT)

    assert not found, "\n" + "\n".join(found)


@pytest.mark.parametrize(
    "line",
    [
        "see /wor" + "k/main/a.py",
        "cd /tm" + "p/x/y",
        "HOME=/roo" + "t/",
        "--index" + "-url x",
        "https://packages.example/simp" + "le",
        "../shared/desi" + "gn/a.md",
    ],
)
def test_a_forbidden_line_is_told_with_its_place(line: str, tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_text(f"first\n{line}\n", encoding="utf-8")

    assert forbidden_words(tmp_path)[0].startswith("notes.md:2: ")


def test_ordinary_paths_are_no_fault(tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_text("/network/a, /var/lib/x, docs/wor" + "k/b, /tmp, shared/designs\n", encoding="utf-8")

    assert forbidden_words(tmp_path) == []


def test_a_long_file_and_a_long_function_are_told(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("def long():\n" + "    x = 1\n" * 400, encoding="utf-8")

    assert too_long(tmp_path) == ["a.py:400: a file of 401 lines", "a.py:1: long has 401 lines"]


def test_a_long_test_is_no_fault(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_a.py").write_text("def test_long():\n" + "    x = 1\n" * 60, encoding="utf-8")

    assert too_long(tmp_path) == []
