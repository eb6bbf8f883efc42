"""The journal of published key sets: what a crash, a full disk or another process leave of it."""

from __future__ import annotations

import json
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from auth_server.keys.journal import PublishedJournal


def a_set(epoch: int, *kids: str, revoked: tuple[str, ...] = ()) -> bytes:
    keys = [{"kty": "OKP", "crv": "Ed25519", "x": kid, "kid": kid} for kid in kids]
    return json.dumps({"keys": keys, "epoch": epoch, "revoked": list(revoked)}).encode()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "published-keys.journal"


def last_of(path: Path) -> tuple[int, set[str], set[str]]:
    last = PublishedJournal(path).last()
    assert last is not None
    return last.epoch, set(last.keys), set(last.revoked)


def test_nothing_is_known_before_anything_was_published(path: Path) -> None:
    assert PublishedJournal(path).last() is None


def test_the_last_set_is_remembered_as_it_was_served(path: Path) -> None:
    journal = PublishedJournal(path)
    journal.append(a_set(1, "a"))
    journal.append(a_set(2, "b", revoked=("a",)))

    last = PublishedJournal(path).last()

    assert last is not None
    assert last.body == a_set(2, "b", revoked=("a",))
    assert last_of(path) == (2, {"b"}, {"a"})
    assert journal.last() == last


def test_the_same_set_is_written_once(path: Path) -> None:
    PublishedJournal(path).append(a_set(1, "a"))
    before = path.read_bytes()

    PublishedJournal(path).append(a_set(1, "a"))

    assert path.read_bytes() == before


def test_a_set_that_is_older_than_the_newest_takes_no_tombstone_away(path: Path) -> None:
    journal = PublishedJournal(path)
    journal.append(a_set(5, "b", revoked=("a",)))
    journal.append(a_set(3, "a"))

    assert last_of(path) == (5, {"b"}, {"a"})


def test_a_line_cut_short_costs_that_line_alone(path: Path) -> None:
    journal = PublishedJournal(path)
    journal.append(a_set(1, "a"))
    journal.append(a_set(2, "b"))
    path.write_bytes(path.read_bytes()[:-9])
    assert last_of(path) == (1, {"a"}, set())

    PublishedJournal(path).append(a_set(3, "c"))

    assert last_of(path) == (3, {"c"}, set())


@pytest.mark.parametrize("at", [0, 30, 70, 100])
def test_a_changed_line_is_passed_over(path: Path, at: int) -> None:
    journal = PublishedJournal(path)
    journal.append(a_set(1, "a"))
    journal.append(a_set(2, "b"))
    lines = path.read_bytes().splitlines(keepends=True)
    spoiled = bytearray(lines[1])
    spoiled[at] ^= 1
    path.write_bytes(lines[0] + spoiled)

    assert last_of(path) == (1, {"a"}, set())


def test_it_stays_small_and_forgets_no_tombstone(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("auth_server.keys.journal._MAX_BYTES", 2_000)
    journal = PublishedJournal(path)
    journal.append(a_set(1_000, "z", revoked=("only here",)))

    for epoch in range(1_001, 1_200):
        journal.append(a_set(epoch, f"k{epoch}"))

    assert path.stat().st_size < 3_000
    assert last_of(path) == (1_199, {"k1199"}, {"only here"})


def test_processes_that_append_at_once_lose_no_line(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("auth_server.keys.journal._MAX_BYTES", 3_000)

    def publish(which: int) -> None:
        journal = PublishedJournal(path)
        for epoch in range(which, 200, 4):
            journal.append(a_set(epoch, f"k{epoch}", revoked=(f"dead{which}",)))

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(publish, range(4)))

    assert last_of(path) == (199, {"k199"}, {f"dead{which}" for which in range(4)})


def test_only_its_owner_may_read_or_write_it(path: Path) -> None:
    PublishedJournal(path).append(a_set(1, "a"))

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
