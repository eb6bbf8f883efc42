"""Every program of the benchmarks runs, at counts that say nothing about speed; with our own load, which is always there."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from benchmarks import rounds
from benchmarks.budget import LINES
from benchmarks.load import TOKEN_PLACE, Load, LoadFailed, get, post, start, with_token
from benchmarks.report import as_markdown
from benchmarks.rounds import Plan

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the benchmarks read /proc")

TINY = Plan(rounds=1, seconds=0.3, tokens=10, starts=1, rotations=40, patience=0.0, workers=False)
NOT_AT_THIS_COUNT = {"workers"}


def test_one_tiny_run_measures_every_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _name: None)

    results = rounds.measure(tmp_path, TINY, lambda _text: None)
    report = as_markdown(results, TINY, "a test")

    assert {line.key for line in LINES} - results.figures.keys() == NOT_AT_THIS_COUNT
    assert all(figure.value > 0 for key, figure in results.figures.items() if key != "memory_logins")
    assert str(tmp_path) not in report


def test_a_load_without_an_answer_is_no_measurement(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    url = "http://127.0.0.1:1"

    with pytest.raises(LoadFailed):
        start(Load(url, [get(url, "/")], connections=1), 0.1, frozenset({0})).outcome()


def test_a_request_is_as_long_as_it_says_once_its_token_is_in_place() -> None:
    request = with_token(post("http://localhost:1", "/token", f"a=b&t={TOKEN_PLACE}", media_type="text/plain"), 7)
    head, _, body = request.replace(TOKEN_PLACE, "1234567").partition("\r\n\r\n")

    assert f"Content-Length: {len(body)}" in head.split("\r\n")
