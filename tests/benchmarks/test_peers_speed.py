"""What protection costs: the program runs, at counts that say nothing, with the kit alone; and its table and plot are told."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from benchmarks.peers import speed, speed_report
from benchmarks.peers.costs import STACKS, Results
from benchmarks.peers.issuer import an_issuer
from benchmarks.peers.speed import Plan


def invented() -> Results:
    results = Results()
    for kind, base in STACKS:
        results.cpu[base] = [30.0]
        results.cpu[kind] = [36.0 if "kit" in kind else 170.0]
    for name in ("kit", "pyjwt", "jose"):
        results.cpu |= {f"{name} verify": [30.0], f"{name} verify raw": [20.0], f"{name} many": [31.0]}
    results.cpu |= {"kit cached": [1.9], "kit cached raw": [20.0], "kit core": [28.0], "kit core raw": [20.0]}
    results.missing["fastmcp"] = "no registry"
    results.others = [1.5]
    return results


def test_one_tiny_run_measures_the_kit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        speed, "STACKS", [pair for pair in STACKS if pair[0] in {"starlette+digest", "starlette+rsa", "starlette+kit"}]
    )
    with an_issuer(tmp_path) as issuer:
        results = speed.measure(tmp_path, issuer, Plan(rounds=1, turns=2, seconds=0.1, tokens=20, timed=40), kit_alone=True)

    assert results.missing == {}
    names = (
        "kit verify",
        "kit cached",
        "kit core",
        "kit many",
        "kit core raw",
        "starlette",
        "starlette+kit",
        "starlette+digest",
        "starlette+rsa",
    )
    assert all((results.of(name) or 0) > 0 for name in names)


def test_every_name_has_room_beside_its_bar() -> None:
    # At most six pixels a character, in the plot's font.
    assert all(len(name) * 6 <= speed_report._LEFT + 20 for name in speed_report.STACK_NAMES.values())


def test_a_bound_that_is_missed_by_less_than_a_hundredth_does_not_look_met() -> None:
    results = invented()
    results.cpu["kit core"] = [28.08]
    assert "÷ raw RSA-2048 verification | ≤ 1.40 | 1.404 | missed |" in speed_report.as_markdown(results, 3, 10, 0.25)


def test_the_report_judges_the_kit_and_tells_what_is_missing() -> None:
    told = speed_report.as_markdown(invented(), 3, 10, 0.25)

    assert "÷ raw RSA-2048 verification | ≤ 1.40 | 1.40 | met |" in told
    assert "| `Guard.verify` of a token seen before ÷ raw | ≤ 0.10 | 0.095 | met |" in told
    assert "busy machine" in told
    assert "fastmcp (no registry)" in told
    assert all(speed_report.STACK_NAMES[kind] in told for kind, _base in STACKS)


def test_what_was_not_measured_is_told_as_such() -> None:
    assert speed_report.as_text(Results()).count("not measured") == len(speed_report.LINES)


def test_the_plot_is_well_formed_and_has_a_bar_for_each_figure() -> None:
    root = ET.fromstring(speed_report.as_svg(invented()))
    bars = [element for element in root if element.tag.endswith("rect") and element.get("height") == "16"]

    assert len(bars) == len(STACKS) + 4
    assert all(float(bar.get("x", "")) + float(bar.get("width", "")) < 960 for bar in bars)


def test_a_ratio_is_taken_round_by_round() -> None:
    results = Results()
    results.cpu |= {"above": [10.0, 90.0, 12.0], "below": [10.0, 30.0, 10.0], "other": [10.0]}

    assert results.ratio("above", "below") == 1.2
    assert results.ratio("above", "other") == 1.2
    assert results.ratio("above", "nothing") is None
