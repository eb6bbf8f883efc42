"""`auth-server audit`: the log is read, followed to a file, and its chain computed again by whoever has the export."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from auth_server.cli.command import ExitCode
from tests.auth_server.cli.conftest import Operator

PASSWORD = "correct-Horse-battery-staple-7413"


@pytest.fixture
def busy(operator: Operator) -> Operator:
    """An operator of a server in which something happened."""
    password = operator.file("password", PASSWORD)
    for name in ("alice", "bob"):
        operator.done("user", "create", "--username", name, "--password-file", password)
    operator.done("user", "disable", "bob")
    return operator


def _spoil(operator: Operator, statement: str) -> None:
    with closing(sqlite3.connect(operator.folder / "data" / "auth_server.db")) as connection, connection:
        connection.execute(statement)


def test_the_newest_events_come_last(busy: Operator) -> None:
    told = busy.done("audit", "tail", "--limit", "2")

    assert [event["name"] for event in told["events"]][-1] == "account.disabled"
    assert len(told["events"]) == 2
    assert told["events"][0]["seq"] + 1 == told["events"][1]["seq"]


@pytest.mark.parametrize(
    "words, names",
    [
        (["--event", "account."], {"account.created", "account.disabled"}),
        (["--event", "account.created"], {"account.created"}),
        (["--event", "account"], set()),
        (["--user", "bob", "--event", "account."], {"account.created", "account.disabled"}),
        (["--user", "alice"], {"account.created"}),
        (["--client", "nobody"], set()),
        (["--since", "2999-01-01"], set()),
        (["--since", "2020-01-01T00:00:00+01:00", "--event", "server.initialised"], {"server.initialised"}),
    ],
)
def test_events_are_found_by_what_they_are_about(busy: Operator, words: list[str], names: set[str]) -> None:
    assert {event["name"] for event in busy.done("audit", "tail", *words)["events"]} == names


def test_a_person_sees_who_did_what_to_whom(busy: Operator) -> None:
    text = busy("audit", "tail", "--limit", "1").out

    assert "account.disabled" in text
    assert f"operator → {busy.done('user', 'show', 'bob')['sub']}" in text


def test_an_untouched_log_is_whole_and_tells_its_head(busy: Operator) -> None:
    told = busy.done("audit", "verify")

    assert told["broken_at"] is None
    assert told["events"] == told["head"]["seq"] > 0
    anchor = f"{told['head']['seq']}:{told['head']['hash']}"
    busy.done("user", "enable", "bob")
    assert busy("audit", "verify", "--anchor", anchor).code == ExitCode.OK


@pytest.mark.parametrize(
    "statement, broken_at",
    [
        ("UPDATE audit_event SET body = replace(body, 'ok', 'no') WHERE seq = 3", 3),
        ("DELETE FROM audit_event WHERE seq = 4", 5),
        ("DELETE FROM audit_event WHERE seq = 1", 2),
        ("UPDATE audit_event SET hash = zeroblob(32) WHERE seq = 2", 2),
    ],
)
def test_a_changed_or_dropped_event_shows(busy: Operator, statement: str, broken_at: int) -> None:
    _spoil(busy, statement)

    told = busy("audit", "verify", "--json")

    assert (told.code, told.json["broken_at"]) == (ExitCode.REFUSED, broken_at)


def test_a_log_that_was_cut_shows_by_the_head_that_was_noted(busy: Operator) -> None:
    head = busy.done("audit", "verify")["head"]
    _spoil(busy, f"DELETE FROM audit_event WHERE seq = {head['seq']}")

    assert busy("audit", "verify").code == ExitCode.OK
    told = busy("audit", "verify", "--anchor", f"{head['seq']}:{head['hash']}")
    assert (told.code, f"BROKEN: event {head['seq']}" in told.out) == (ExitCode.REFUSED, True)


@pytest.mark.parametrize("anchor", ["", "4711", "x:00", "1:nothex"])
def test_an_anchor_that_is_none_is_told(busy: Operator, anchor: str) -> None:
    if anchor:
        assert busy("audit", "verify", "--anchor", anchor).code == ExitCode.USAGE


def test_whoever_has_the_export_can_compute_the_chain_again(busy: Operator) -> None:
    path = busy.folder / "log.jsonl"
    head = busy.done("audit", "verify")["head"]

    assert busy.done("audit", "export", "--output", str(path))["events"] == head["seq"]

    assert path.stat().st_mode & 0o077 == 0
    *_, (seq, digest) = _chain(path)
    assert (seq, digest) == (head["seq"], head["hash"])


def test_an_export_replaces_no_file(busy: Operator) -> None:
    path = busy.file("log.jsonl", "mine")

    told = busy("audit", "export", "--output", path)

    assert (told.code, Path(path).read_text(encoding="utf-8")) == (ExitCode.REFUSED, "mine")


def test_an_export_to_standard_output_is_lines_alone(busy: Operator) -> None:
    lines = busy("audit", "export", "--event", "account.").out.splitlines()

    assert [json.loads(line)["event"]["name"] for line in lines] == ["account.created", "account.created", "account.disabled"]
    assert busy("audit", "export", "--json").code == ExitCode.USAGE


def test_no_event_holds_a_secret(busy: Operator) -> None:
    assert PASSWORD not in busy("audit", "export").out


def _chain(path: Path) -> Iterator[tuple[int, str]]:
    """Compute the chain as docs/audit.md tells it, with nothing but the standard library."""
    before = hashlib.sha256(b"sealwright audit log v1").digest()
    for line in path.read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        text = json.dumps(entry["event"], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        before = hashlib.sha256(entry["seq"].to_bytes(8, "big") + before + text.encode("utf-8")).digest()
        assert before.hex() == entry["hash"]
        yield entry["seq"], entry["hash"]
