"""`auth-server backup`: everything in one file, and back; what was taken away since the backup stays taken away."""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path

import pytest
from sqlalchemy import select, text

from auth_server.audit.withdrawals import FILE_NAME
from auth_server.cli.command import ExitCode
from auth_server.protocol.errors import KeyUnavailable
from auth_server.services import Services
from auth_server.store.schema import METADATA
from auth_server.store.transaction import Transaction
from tests.auth_server.cli.conftest import Operator
from tests.support.builders import FACTS
from tests.support.databases import PostgresCluster

PASSWORD = "correct-Horse-battery-staple-7413"
NEVER_THE_SAME = {"key_halt", "audit_event", "feed_head", "directory_version"}


@pytest.fixture
def peopled(operator: Operator) -> Operator:
    """An operator of a server that ran, with people, a role and a client."""
    password = operator.file("password", PASSWORD)
    for name in ("alice", "bob", "carol"):
        operator.done("user", "create", "--username", name, "--password-file", password)
    operator.done("role", "create", "editor", "--permission", "notes:write")
    operator.done("role", "grant", "editor", "alice")
    operator.done("client", "create", "--client-id", "billing", "--grant", "client_credentials", "--scope", "notes:read")
    operator.within(_rows)
    return operator


async def _rows(services: Services) -> dict[str, list[tuple[object, ...]]]:
    with services.store.engines.read.connect() as connection:
        return {
            name: [tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key.columns))]
            for name, table in METADATA.tables.items()
        }


async def _signs(services: Services) -> bool:
    try:
        await services.keyring.sign({"sub": "alice"}, "at+jwt")
    except KeyUnavailable:
        return False
    return True


def _backup(operator: Operator, name: str = "one.backup") -> str:
    return str(operator.done("backup", "create", "--output", str(operator.folder / name))["output"])


def test_a_backup_says_what_it_is(peopled: Operator) -> None:
    path = _backup(peopled)

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
    before = peopled.within(_rows)
    path = _backup(peopled)
    peopled.done("user", "create", "--username", "dave", "--password-file", peopled.file("p", PASSWORD))

    peopled.done("backup", "restore", path, "--yes")

    after = peopled.within(_rows)
    assert {name: rows for name, rows in after.items() if name not in NEVER_THE_SAME} == {
        name: rows for name, rows in before.items() if name not in NEVER_THE_SAME
    }
    assert peopled.within(_signs) is False
    assert peopled.done("restore", "finish")["withdrawals_journal_found"] is True
    assert peopled.within(_signs) is True
    assert peopled.done("audit", "verify")["broken_at"] is None


@pytest.mark.postgres
def test_sqlite_moves_to_postgresql_and_back(
    peopled: Operator, postgres_cluster: PostgresCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = peopled.within(_rows)
    keks = (peopled.folder / "data" / "key-encryption-keys").read_text(encoding="utf-8")
    path = _backup(peopled)
    name = postgres_cluster.create_empty()
    try:
        peopled.set("DATABASE_URL", postgres_cluster.url(name))
        peopled.set("KEY_ENCRYPTION_KEYS", " ".join(keks.split()))
        peopled.done("backup", "restore", path)
        peopled.done("restore", "finish")
        after = peopled.within(_rows)
        assert peopled.within(_signs) is True
        back = _backup(peopled, "two.backup")
    finally:
        postgres_cluster.drop(name)
    assert _of(after) == _of(before)
    for setting in ("DATABASE_URL", "KEY_ENCRYPTION_KEYS"):
        monkeypatch.delenv(f"AUTH_SERVER_{setting}")
    peopled.done("backup", "restore", back, "--yes")
    assert _of(peopled.within(_rows)) == _of(before)


def _of(rows: dict[str, list[tuple[object, ...]]]) -> dict[str, list[tuple[object, ...]]]:
    return {name: rows[name] for name in ("account", "password_credential", "client", "client_secret", "role", "account_role")}


def test_who_was_disabled_or_signed_out_since_the_backup_stays_so(peopled: Operator) -> None:
    path = _backup(peopled)
    peopled.done("user", "disable", "bob")
    peopled.done("user", "disable", "carol")
    peopled.done("user", "enable", "carol")
    peopled.done("role", "revoke", "editor", "alice")
    peopled.done("client", "disable", "billing")
    peopled.done("user", "reset-password", "alice", "--password-file", peopled.file("q", PASSWORD + "-2"))
    peopled.done("backup", "restore", path, "--yes")

    told = peopled.done("restore", "finish")

    assert told["withdrawn_again"] == {
        "account.disabled": 1,
        "role.revoked": 1,
        "client.disabled": 1,
        "password.changed": 1,
    }
    assert peopled.done("user", "show", "bob")["disabled"] is True
    assert peopled.done("user", "show", "carol")["disabled"] is False
    assert peopled.done("user", "show", "alice")["roles"] == []
    assert peopled.done("client", "show", "billing")["disabled"] is True
    assert told["without_password"] == [peopled.done("user", "show", "alice")["sub"]]
    assert len(peopled.within(_rows)["password_credential"]) == 2
    # Once is enough: a second finish finds nothing that was lost.
    assert peopled.done("restore", "finish")["withdrawn_again"] == {}


def test_a_role_that_was_narrowed_or_deleted_since_the_backup_stays_so(peopled: Operator) -> None:
    peopled.done("role", "create", "auditor", "--permission", "audit:read")
    path = _backup(peopled)
    peopled.within(lambda services: services.roles.remove_permission("editor", "notes:write"))
    peopled.within(lambda services: services.roles.add_permission("editor", "notes:read"))
    peopled.done("role", "delete", "auditor", "--yes")
    peopled.done("backup", "restore", path, "--yes")

    told = peopled.done("restore", "finish")

    assert told["withdrawn_again"] == {"role.changed": 1, "role.deleted": 1}
    assert [role["permissions"] for role in peopled.done("role", "list")["roles"] if role["name"] == "editor"] == [[]]
    assert "auditor" not in str(peopled.done("role", "list"))


def test_an_account_that_its_holder_secured_since_the_backup_stays_secured(peopled: Operator) -> None:
    path = _backup(peopled)
    sub = peopled.within(_secure_alice)
    peopled.done("backup", "restore", path, "--yes")

    told = peopled.done("restore", "finish")

    assert told["withdrawn_again"] == {"account.secured": 1}
    assert told["without_password"] == [sub]
    assert ("sub_nbf", sub) in [(row[2], row[3]) for row in peopled.within(_rows)["feed_entry"]]


async def _secure_alice(services: Services) -> str:
    account = await services.administration.find("alice")
    assert account is not None
    recovery = services.correspondence.recovery
    await services.store.run(lambda tx: recovery.secure_in(tx, account, FACTS, address=None))
    return account.sub


def test_a_withdrawal_whose_line_is_missing_is_noted_at_the_next_start(peopled: Operator) -> None:
    """The process was killed between the commit and the line; whoever asked again was told that it is done."""
    path = _backup(peopled)
    journal = peopled.folder / "data" / FILE_NAME
    before = journal.read_bytes()
    peopled.done("user", "disable", "bob")
    journal.write_bytes(before)
    peopled.within(_signs)  # a server starts
    noted = journal.read_bytes()
    peopled.within(_signs)
    assert journal.read_bytes() == noted
    peopled.done("backup", "restore", path, "--yes")

    assert peopled.done("restore", "finish")["withdrawn_again"] == {"account.disabled": 1}
    assert peopled.done("user", "show", "bob")["disabled"] is True


def test_without_a_journal_every_session_and_refresh_token_ends(peopled: Operator) -> None:
    path = _backup_with_a_session(peopled)
    (peopled.folder / "data" / FILE_NAME).unlink()
    peopled.done("backup", "restore", path, "--yes")

    peopled.done("restore", "finish")

    rows = peopled.within(_rows)
    assert len(rows["session"]) == 1
    assert peopled.within(_living) == (0, 0)


def _backup_with_a_session(operator: Operator) -> str:
    operator.within(_sign_alice_in)
    assert operator.within(_living) == (1, 1)
    return _backup(operator)


async def _sign_alice_in(services: Services) -> None:
    account = await services.administration.find("alice")
    assert account is not None

    def work(tx: Transaction) -> None:
        session = services.sessions.start(tx, account.sub, amr=("pwd",), facts=FACTS)
        tx.refresh_tokens.start(
            family_id=bytes(16),
            client_id="first-party",
            sub=account.sub,
            sid=session.sid,
            scope=frozenset(),
            resource="http://localhost:8001",
            digest=bytes(32),
            idle_ms=10**8,
            absolute_ms=10**8,
            auth_time=1,
            acr="1",
            amr=("pwd",),
        )

    await services.store.run(work)


async def _living(services: Services) -> tuple[int, int]:
    with services.store.engines.read.connect() as connection:
        sessions, families = (
            connection.execute(text(f"SELECT count(*) FROM {table} WHERE {column} IS NULL")).scalar_one()
            for table, column in (("session", "ended_at"), ("refresh_family", "revoked_at"))
        )
    return sessions, families


def test_without_a_journal_every_token_that_is_out_is_revoked(peopled: Operator) -> None:
    path = _backup(peopled)
    peopled.done("user", "disable", "bob")
    (peopled.folder / "data" / FILE_NAME).unlink()
    peopled.done("backup", "restore", path, "--yes")

    told = peopled.done("restore", "finish")

    assert told["withdrawals_journal_found"] is False
    assert any("every access token was revoked" in note for note in told["notes"])
    assert [row[2] for row in peopled.within(_rows)["feed_entry"]][-1] == "all_nbf"


def test_a_journal_that_began_after_the_backup_does_not_count(peopled: Operator) -> None:
    path = _backup(peopled)
    (peopled.folder / "data" / FILE_NAME).unlink()
    peopled.within(_signs)  # a server starts, and begins another journal
    peopled.done("backup", "restore", path, "--yes")

    assert peopled.done("restore", "finish")["withdrawals_journal_found"] is False


def test_the_feed_goes_on_above_every_number_that_was_handed_out(peopled: Operator) -> None:
    path = _backup(peopled)
    peopled.done("user", "disable", "bob")
    handed_out = peopled.within(_rows)["feed_head"][0][1]
    peopled.done("backup", "restore", path, "--yes")
    peopled.done("restore", "finish")

    assert all(int(str(row[0])) > int(str(handed_out)) for row in peopled.within(_rows)["feed_entry"])


@pytest.mark.parametrize("spoil", ["cut", "bit", "text", "empty", "row"])
def test_a_damaged_backup_changes_nothing(peopled: Operator, spoil: str) -> None:
    path = Path(_backup(peopled))
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
    before = peopled.within(_rows)

    told = peopled("backup", "restore", str(path), "--yes", "--json")

    assert (told.code, told.error["error"]) == (ExitCode.REFUSED, "backup_refused")
    assert peopled("backup", "show", str(path)).code == ExitCode.REFUSED
    assert peopled.within(_rows) == before


def test_another_issuers_backup_is_refused(peopled: Operator) -> None:
    path = _backup(peopled)
    peopled.set("ISSUER", "http://127.0.0.1:8000")

    assert "nothing was changed" in peopled("backup", "restore", path, "--yes").err


def test_a_database_that_holds_something_is_not_replaced_unasked(peopled: Operator) -> None:
    path = _backup(peopled)
    before = peopled.within(_rows)

    assert peopled("backup", "restore", path).code == ExitCode.USAGE
    assert peopled("backup", "restore", path, stdin="no\n", terminal=True).code == ExitCode.REFUSED
    assert peopled.within(_rows) == before


def test_an_empty_place_takes_a_backup_in_unasked(peopled: Operator, tmp_path: Path) -> None:
    path = _backup(peopled)
    keks = peopled.folder / "data" / "key-encryption-keys"
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    shutil.copy2(keks, elsewhere)
    peopled.set("DATA_DIR", str(elsewhere))

    peopled.done("backup", "restore", path)
    # Nothing here says that resource servers hold the key.
    peopled.done("restore", "finish", "--accept-unknown-key")

    assert peopled.done("user", "show", "alice")["username"] == "alice"
    assert peopled.within(_signs) is True
