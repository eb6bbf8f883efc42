"""`auth-server backup`: everything in one file, and back."""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path

import pytest

from auth_server.cli.command import ExitCode
from tests.auth_server.cli.backups import backed_up, rows_of, signs
from tests.auth_server.cli.conftest import PASSWORD, Operator
from tests.support.databases import PostgresCluster

NEVER_THE_SAME = {"key_halt", "audit_event", "feed_head", "directory_version"}


def test_a_backup_says_what_it_is(peopled: Operator) -> None:
    path = backed_up(peopled)

    told = peopled.done("backup", "show", path)

    assert (told["issuer"], told["database"]) == ("http://localhost:8000", "sqlite")
    assert told["rows"] > 20
    assert Path(path).stat().st_mode & 0o077 == 0
    assert PASSWORD not in gzip.decompress(Path(path).read_bytes()).decode()
    assert [file.name for file in peopled.folder.glob(".*.part")] == []


def test_a_backup_replaces_no_file(peopled: Operator) -> None:
    path = peopled.file("one.backup", "mine")

    assert peopled("backup", "create", "--output", path).code == ExitCode.REFUSED
    assert Path(path).read_text(encoding="utf-8") == "mine"


def test_everything_comes_back_and_nobody_signs_before_the_restore_is_finished(peopled: Operator) -> None:
    before = peopled.within(rows_of)
    path = backed_up(peopled)
    peopled.done("user", "create", "--username", "dave", "--password-file", peopled.file("p", PASSWORD))

    peopled.done("backup", "restore", path, "--yes")

    after = peopled.within(rows_of)
    assert {name: rows for name, rows in after.items() if name not in NEVER_THE_SAME} == {
        name: rows for name, rows in before.items() if name not in NEVER_THE_SAME
    }
    assert peopled.within(signs) is False
    assert peopled.done("restore", "finish")["withdrawals_journal_found"] is True
    assert peopled.within(signs) is True
    assert peopled.done("audit", "verify")["broken_at"] is None


@pytest.mark.postgres
def test_sqlite_moves_to_postgresql_and_back(
    peopled: Operator, postgres_cluster: PostgresCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = peopled.within(rows_of)
    keks = (peopled.folder / "data" / "key-encryption-keys").read_text(encoding="utf-8")
    path = backed_up(peopled)
    name = postgres_cluster.create_empty()
    try:
        peopled.set("DATABASE_URL", postgres_cluster.url(name))
        peopled.set("KEY_ENCRYPTION_KEYS", " ".join(keks.split()))
        peopled.done("backup", "restore", path)
        peopled.done("restore", "finish")
        after = peopled.within(rows_of)
        assert peopled.within(signs) is True
        back = backed_up(peopled, "two.backup")
    finally:
        postgres_cluster.drop(name)
    assert _of(after) == _of(before)
    for setting in ("DATABASE_URL", "KEY_ENCRYPTION_KEYS"):
        monkeypatch.delenv(f"AUTH_SERVER_{setting}")
    peopled.done("backup", "restore", back, "--yes")
    assert _of(peopled.within(rows_of)) == _of(before)


def _of(rows: dict[str, list[tuple[object, ...]]]) -> dict[str, list[tuple[object, ...]]]:
    return {name: rows[name] for name in ("account", "password_credential", "client", "client_secret", "role", "account_role")}


def test_the_feed_goes_on_above_every_number_that_was_handed_out(peopled: Operator) -> None:
    path = backed_up(peopled)
    peopled.done("user", "disable", "bob")
    handed_out = peopled.within(rows_of)["feed_head"][0][1]
    peopled.done("backup", "restore", path, "--yes")
    peopled.done("restore", "finish")

    assert all(int(str(row[0])) > int(str(handed_out)) for row in peopled.within(rows_of)["feed_entry"])


@pytest.mark.parametrize("spoil", ["cut", "bit", "text", "empty", "row"])
def test_a_damaged_backup_changes_nothing(peopled: Operator, spoil: str) -> None:
    path = Path(backed_up(peopled))
    whole = path.read_bytes()
    lines = gzip.decompress(whole).splitlines(keepends=True)
    path.write_bytes(
        {
            "cut": whole[: len(whole) // 2],
            "bit": whole[:200] + bytes([whole[200] ^ 1]) + whole[201:],
            "text": b"this is no backup",
            "empty": b"",
            "row": gzip.compress(b"".join(line for line in lines if b"alice" not in line)),
        }[spoil]
    )
    before = peopled.within(rows_of)

    told = peopled("backup", "restore", str(path), "--yes", "--json")

    assert (told.code, told.error["error"]) == (ExitCode.REFUSED, "backup_refused")
    assert peopled("backup", "show", str(path)).code == ExitCode.REFUSED
    assert peopled.within(rows_of) == before


def test_another_issuers_backup_is_refused(peopled: Operator) -> None:
    path = backed_up(peopled)
    peopled.set("ISSUER", "http://127.0.0.1:8000")

    assert "nothing was changed" in peopled("backup", "restore", path, "--yes").err


def test_a_database_that_holds_something_is_not_replaced_unasked(peopled: Operator) -> None:
    path = backed_up(peopled)
    before = peopled.within(rows_of)

    assert peopled("backup", "restore", path).code == ExitCode.USAGE
    assert peopled("backup", "restore", path, stdin="no\n", terminal=True).code == ExitCode.REFUSED
    assert peopled.within(rows_of) == before


def test_an_empty_place_takes_a_backup_in_unasked(peopled: Operator, tmp_path: Path) -> None:
    path = backed_up(peopled)
    keks = peopled.folder / "data" / "key-encryption-keys"
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    shutil.copy2(keks, elsewhere)
    peopled.set("DATA_DIR", str(elsewhere))

    peopled.done("backup", "restore", path)
    # Nothing here says that resource servers hold the key.
    peopled.done("restore", "finish", "--accept-unknown-key")

    assert peopled.done("user", "show", "alice")["username"] == "alice"
    assert peopled.within(signs) is True
