"""Every row of the lists of attacks that is claimed has a test of its name. To claim a part: one line in the table."""

from __future__ import annotations

from typing import Final

import pytest

from tests.attacks.rows import named

# Part: its highest number.
CASES: Final = {
    "A": 20,
    "B": 32,
    "C": 15,
    "D": 22,
    "E": 18,
    "F": 13,
    "G": 5,
    "H": 27,
    "R": 23,
    "S": 17,
    "T": 24,
}
# First and last number of the incidents that are claimed.
INCIDENTS: Final = ((1, 51), (53, 53), (56, 57), (59, 64), (67, 69), (71, 75), (77, 77), (79, 85), (87, 90))


def expected() -> list[str]:
    cases = [f"{part}{number:02}" for part, last in CASES.items() for number in range(1, last + 1)]
    return cases + [str(number) for first, last in INCIDENTS for number in range(first, last + 1)]


@pytest.mark.parametrize("part", [*CASES, "incidents"])
def test_every_row_has_a_test_of_its_name(part: str) -> None:
    rows = [row for row in expected() if row.startswith(part) or (part == "incidents" and row.isdigit())]
    missing = [row for row in rows if row not in named()]

    assert rows
    assert missing == []


def test_no_test_is_named_after_a_row_that_does_not_exist() -> None:
    """A typing error in a name would otherwise leave its row without a test."""
    last = {row[0]: 0 for row in named() if not row.isdigit()}
    for row in named():
        if not row.isdigit() and row[0] in CASES:
            last[row[0]] = max(last[row[0]], int(row[1:]))

    assert {part: number for part, number in last.items() if part in CASES and number > CASES[part]} == {}
