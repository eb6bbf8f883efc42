"""A figure is judged by its bounds, told beside them, and drawn."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from benchmarks.budget import LINES, Bound, Figure, Line, Verdict
from benchmarks.plot import as_svg
from benchmarks.report import as_text

AT_LEAST = Line("tokens", "tokens", Bound.AT_LEAST, goal=0.7, must=0.6)
AT_MOST = Line("verify", "verify", Bound.AT_MOST, goal=1.4, must=1.6)
GOAL_ALONE = Line("cached", "cached", Bound.AT_MOST, goal=0.1)


@pytest.mark.parametrize(
    "line, value, verdict",
    [
        (AT_LEAST, 0.7, Verdict.MET),
        (AT_LEAST, 0.69, Verdict.MISSED),
        (AT_LEAST, 0.59, Verdict.FAILED),
        (AT_MOST, 1.4, Verdict.MET),
        (AT_MOST, 1.5, Verdict.MISSED),
        (AT_MOST, 1.7, Verdict.FAILED),
        (GOAL_ALONE, 9.0, Verdict.MISSED),
        (AT_LEAST, None, Verdict.NOT_MEASURED),
    ],
)
def test_a_value_is_judged_by_its_goal_and_then_by_its_must(line: Line, value: float | None, verdict: Verdict) -> None:
    assert line.verdict(value) is verdict


def test_each_line_has_a_key_of_its_own_and_a_must_that_is_no_stricter_than_its_goal() -> None:
    assert len({line.key for line in LINES}) == len(LINES)
    assert all(line.must is None or line.bound.holds(line.goal, line.must) for line in LINES)


def test_what_was_not_measured_is_told_too() -> None:
    table = as_text({LINES[0].key: Figure(0.5, "half")})

    assert "MUST MISSED" in table
    assert table.count("not measured") == len(LINES) - 1


def test_the_plot_is_well_formed_and_has_a_bar_for_each_figure() -> None:
    root = ET.fromstring(as_svg({line.key: Figure(line.goal * 3, "") for line in LINES}))
    bars = [element for element in root if element.tag.endswith("rect") and element.get("height") == "15"]

    assert len(bars) == len(LINES)
    assert all(float(bar.get("x", "")) + float(bar.get("width", "")) < 1000 for bar in bars)
