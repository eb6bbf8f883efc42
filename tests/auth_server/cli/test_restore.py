"""`auth-server restore finish`, as an operator uses it: a file copied back, a server that refuses, and one command."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest

from auth_server.cli.command import ExitCode
from auth_server.protocol.errors import KeyUnavailable
from auth_server.services import Services
from tests.auth_server.cli.conftest import Operator


def _keys(operator: Operator) -> dict[str, str]:
    return {key["state"]: key["kid"] for key in operator.done("key", "list")["rings"][0]["keys"]}


def _database(operator: Operator) -> Path:
    return operator.folder / "data" / "auth_server.db"


def _back_up(operator: Operator) -> Path:
    path = operator.folder / "backup.sqlite3"
    with sqlite3.connect(_database(operator)) as source, sqlite3.connect(path) as target:
        source.backup(target)
    return path


def _put_back(operator: Operator, backup: Path) -> None:
    live = _database(operator)
    for leftover in live.parent.glob(f"{live.name}*"):
        leftover.unlink()
    shutil.copyfile(backup, live)


async def _sign(services: Services) -> str | None:
    """Return why a started server cannot sign."""
    try:
        await services.keyring.sign({"sub": "alice"}, "at+jwt")
    except KeyUnavailable as refusal:
        return str(refusal)
    return None


def test_a_burn_outlives_the_restore_of_an_older_database(operator: Operator) -> None:
    assert operator.within(_sign) is None  # a server that ran wrote down what it published
    before = _keys(operator)
    with sqlite3.connect(_database(operator)) as database:
        # An hour old, so that every resource server holds the standby.
        database.execute("UPDATE signing_key SET published_at = published_at - 3600000")
    backup = _back_up(operator)
    operator("key", "burn", "--yes", "--", before["active"])
    _put_back(operator, backup)
    assert "restore finish" in (operator.within(_sign) or "")

    told = operator.done("restore", "finish")

    assert told["burned_again"] == [before["active"]]
    assert (told["journal_found"], told["signs_in_seconds"]) == (True, 0)
    assert told["rings"][0]["active_kid"] == before["pending"]
    assert operator.within(_sign) is None
    after = _keys(operator)
    assert (after["active"], after["compromised"]) == (before["pending"], before["active"])


def test_commands_refuse_to_change_keys_until_it_was_run(operator: Operator) -> None:
    operator.within(_sign)
    backup = _back_up(operator)
    operator("key", "rotate", "--emergency")
    operator.within(_sign)
    _put_back(operator, backup)
    kid = _keys(operator)["active"]

    for words in (["key", "rotate", "--emergency"], ["key", "burn", "--yes", "--", kid]):
        told = operator(*words)
        assert told.code == ExitCode.REFUSED
        assert "restore finish" in told.err


def test_without_a_journal_the_key_is_published_before_it_signs(operator: Operator) -> None:
    told = operator("restore", "finish")

    assert told.code == 0, told.err
    assert "signs in 601 s" in told.out
    assert "burn again" in told.err
    assert "signs in" in (operator.within(_sign) or "")

    accepted = operator.done("restore", "finish", "--accept-unknown-key")
    assert accepted["signs_in_seconds"] == 0
    assert operator.within(_sign) is None


@pytest.mark.parametrize("words", [["restore"], ["restore", "begin"]])
def test_there_is_one_verb(words: list[str], operator: Operator) -> None:
    assert operator(*words).code == ExitCode.USAGE


def test_after_a_restore_no_place_in_a_status_list_of_the_backup_is_given(operator: Operator) -> None:
    def leased_from(name: str) -> str:
        block = operator.within(lambda services: services.store.run(lambda tx: tx.status_lists.lease(name, until=10)))
        assert block is not None
        return block.list_id

    assert operator.within(_sign) is None
    assert leased_from("of the backup") == "of the backup"
    _put_back(operator, _back_up(operator))

    operator.done("restore", "finish")

    assert leased_from("new") == "new"
