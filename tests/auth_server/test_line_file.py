"""A file of lines: what a crash, a full file or another process leave of it."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from auth_server.line_file import LineFile, whole_lines


def the_last_two(bodies: Sequence[bytes]) -> Iterable[bytes]:
    return bodies[-2:]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "some.journal"


def a_file(path: Path, max_bytes: int = 1_000_000) -> LineFile:
    return LineFile(path, max_bytes=max_bytes, kept=the_last_two)


def read(path: Path) -> list[bytes]:
    return list(whole_lines(path.read_bytes()))


def test_what_was_appended_is_read_in_its_order(path: Path) -> None:
    a_file(path).append([b"one", b"two"])
    a_file(path).append([b"three"])

    assert read(path) == [b"one", b"two", b"three"]


def test_a_line_cut_short_takes_no_other_with_it(path: Path) -> None:
    a_file(path).append([b"one", b"two"])
    path.write_bytes(path.read_bytes()[:-2])

    a_file(path).append([b"three"])

    assert read(path) == [b"one", b"three"]


def test_a_file_that_is_too_large_keeps_what_it_is_told_to(path: Path) -> None:
    lines = a_file(path, max_bytes=10)
    lines.append([b"one", b"two"])

    lines.append([b"three"])

    assert read(path) == [b"two", b"three"]


def test_another_process_goes_on_in_the_file_that_took_its_place(path: Path) -> None:
    here, there = a_file(path, max_bytes=10), a_file(path)
    there.append([b"one", b"two"])
    here.append([b"three"])

    there.append([b"four"])

    assert read(path) == [b"two", b"three", b"four"]


def test_only_its_owner_may_read_or_write_it(path: Path) -> None:
    a_file(path, max_bytes=0).append([b"one"])

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_the_name_of_a_file_that_is_new_to_a_process_is_flushed_too(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed: list[bool] = []
    fsync = os.fsync

    def watched(descriptor: int) -> None:
        flushed.append(stat.S_ISDIR(os.fstat(descriptor).st_mode))
        fsync(descriptor)

    monkeypatch.setattr("os.fsync", watched)
    a_file(path).append([b"one"])
    other = a_file(path)
    other.append([b"two"])
    other.append([b"three"])

    assert flushed == [False, True, False, True, False]
