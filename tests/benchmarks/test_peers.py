"""The table of the peers: the kit alone is tried here, for libraries of others may be out of reach; and what the table says of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks.peers import __main__ as program
from benchmarks.peers import environments, process
from benchmarks.peers.environments import LIBRARIES, NotInstalled
from benchmarks.peers.issuer import an_issuer
from benchmarks.peers.report import Column, as_markdown, as_text, wrong_of
from benchmarks.peers.rows import ROWS, Value
from benchmarks.servers import ROOT

RIGHT: dict[str, Value] = {
    **{row.key: True for row in ROWS},
    **dict.fromkeys(("forged", "typ", "no_exp", "nbf"), False),
    "fetches": 1.0,
    "removed": 264.0,
    "stall": 5.0,
}


def test_the_kit_is_tried_in_every_row_and_lets_nothing_in(tmp_path: Path) -> None:
    """Rows in which a busy machine could be too slow (a fetch within a second, an idle loop) are judged by the program alone."""
    with an_issuer(tmp_path) as issuer:
        kit = program._column(None, tmp_path, issuer)

    assert kit.missing == ""
    shifted = {row.key for row in ROWS if row.shifted and process.find_faketime() is None}
    assert {row.key for row in ROWS} - kit.found.keys() - {"stall"} == shifted
    must = {row.key for row in ROWS if RIGHT[row.key] is False} | {"fetches"}
    assert [row.key for row in ROWS if row.key in must and not row.right(kit.found[row.key])] == []
    assert "removed" in shifted or kit.found["removed"] is not None


def test_the_program_ends_with_1_where_the_kit_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for changes, status in (({}, 0), ({"nbf": True}, 1)):
        kit = Column("the kit", found={**RIGHT, **changes})
        monkeypatch.setattr(program, "_column", lambda *_, kit=kit: kit)
        assert program.main(["--only", "--output", str(tmp_path / "peers.md")]) == status

        told = (tmp_path / "peers.md").read_text(encoding="utf-8")
        assert ("The kit is right in every row." in told) is (status == 0)


@pytest.mark.parametrize(
    "key, value",
    [
        *((row.key, False) for row in ROWS if RIGHT[row.key] is True),
        *((row.key, True) for row in ROWS if RIGHT[row.key] is False),
        ("fetches", 7.0),
        ("removed", None),
        ("removed", 330.0),
        ("stall", 900.0),
    ],
)
def test_a_wrong_value_of_the_kit_is_told(key: str, value: Value) -> None:
    assert wrong_of(Column("the kit", found=dict(RIGHT))) == []

    kit = Column("the kit", found={**RIGHT, key: value})

    assert len(wrong_of(kit)) == 1
    assert "WRONG" in as_markdown([], kit)


def test_what_is_not_installed_is_told_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: Any) -> Path:
        raise NotInstalled("no Node on this machine")

    monkeypatch.setattr(environments, "node_environment", unreachable)
    monkeypatch.setattr(environments, "python_environment", unreachable)
    columns = []
    with an_issuer(tmp_path) as issuer:
        for library in LIBRARIES:
            columns.append(program._column(library, tmp_path, issuer))

    table = as_markdown(columns, Column("the kit", found=dict(RIGHT)))
    assert all(f"{library.title} (no Node on this machine)" in table for library in LIBRARIES)
    assert "Not installed here" in table
    assert as_text(columns, Column("the kit", found=dict(RIGHT))).count("–") == len(ROWS) * len(LIBRARIES)


def test_the_committed_table_has_a_column_for_each_library_and_the_kit_right_in_every_row() -> None:
    table = (ROOT / "docs" / "peers.md").read_text(encoding="utf-8")

    assert all(library.title in table for library in LIBRARIES)
    assert all(row.what in table for row in ROWS)
    assert "The kit is right in every row." in table
    assert "Not tried" not in table
    assert "Not installed here" not in table
