"""What was taken away since a backup stays taken away when it is restored: by the journal of withdrawals, and without one."""

from __future__ import annotations

from sqlalchemy import text

from auth_server.audit.withdrawals import FILE_NAME
from auth_server.services import Services
from auth_server.store.transaction import Transaction
from tests.auth_server.cli.backups import backed_up, rows_of, signs
from tests.auth_server.cli.conftest import PASSWORD, Operator
from tests.support.builders import FACTS


def test_who_was_disabled_or_signed_out_since_the_backup_stays_so(peopled: Operator) -> None:
    path = backed_up(peopled)
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
    assert len(peopled.within(rows_of)["password_credential"]) == 2
    # Once is enough: a second finish finds nothing that was lost.
    assert peopled.done("restore", "finish")["withdrawn_again"] == {}


def test_a_role_that_was_narrowed_or_deleted_since_the_backup_stays_so(peopled: Operator) -> None:
    peopled.done("role", "create", "auditor", "--permission", "audit:read")
    path = backed_up(peopled)
    peopled.within(lambda services: services.roles.remove_permission("editor", "notes:write"))
    peopled.within(lambda services: services.roles.add_permission("editor", "notes:read"))
    peopled.done("role", "delete", "auditor", "--yes")
    peopled.done("backup", "restore", path, "--yes")

    told = peopled.done("restore", "finish")

    assert told["withdrawn_again"] == {"role.changed": 1, "role.deleted": 1}
    assert [role["permissions"] for role in peopled.done("role", "list")["roles"] if role["name"] == "editor"] == [[]]
    assert "auditor" not in str(peopled.done("role", "list"))


def test_an_account_that_its_holder_secured_since_the_backup_stays_secured(peopled: Operator) -> None:
    path = backed_up(peopled)
    sub = peopled.within(_secure_alice)
    peopled.done("backup", "restore", path, "--yes")

    told = peopled.done("restore", "finish")

    assert told["withdrawn_again"] == {"account.secured": 1}
    assert told["without_password"] == [sub]
    assert ("sub_nbf", sub) in [(row[2], row[3]) for row in peopled.within(rows_of)["feed_entry"]]


async def _secure_alice(services: Services) -> str:
    account = await services.administration.find("alice")
    assert account is not None
    recovery = services.correspondence.recovery
    await services.store.run(lambda tx: recovery.secure_in(tx, account, FACTS, address=None))
    return account.sub


def test_a_withdrawal_whose_line_is_missing_is_noted_at_the_next_start(peopled: Operator) -> None:
    """The process was killed between the commit and the line; whoever asked again was told that it is done."""
    path = backed_up(peopled)
    journal = peopled.folder / "data" / FILE_NAME
    before = journal.read_bytes()
    peopled.done("user", "disable", "bob")
    journal.write_bytes(before)
    peopled.within(signs)  # a server starts
    noted = journal.read_bytes()
    peopled.within(signs)
    assert journal.read_bytes() == noted
    peopled.done("backup", "restore", path, "--yes")

    assert peopled.done("restore", "finish")["withdrawn_again"] == {"account.disabled": 1}
    assert peopled.done("user", "show", "bob")["disabled"] is True


def test_without_a_journal_every_session_and_refresh_token_ends(peopled: Operator) -> None:
    path = _backup_with_a_session(peopled)
    (peopled.folder / "data" / FILE_NAME).unlink()
    peopled.done("backup", "restore", path, "--yes")

    peopled.done("restore", "finish")

    rows = peopled.within(rows_of)
    assert len(rows["session"]) == 1
    assert peopled.within(_living) == (0, 0)


def _backup_with_a_session(operator: Operator) -> str:
    operator.within(_sign_alice_in)
    assert operator.within(_living) == (1, 1)
    return backed_up(operator)


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
    path = backed_up(peopled)
    peopled.done("user", "disable", "bob")
    (peopled.folder / "data" / FILE_NAME).unlink()
    peopled.done("backup", "restore", path, "--yes")

    told = peopled.done("restore", "finish")

    assert told["withdrawals_journal_found"] is False
    assert any("every access token was revoked" in note for note in told["notes"])
    assert [row[2] for row in peopled.within(rows_of)["feed_entry"]][-1] == "all_nbf"


def test_a_journal_that_began_after_the_backup_does_not_count(peopled: Operator) -> None:
    path = backed_up(peopled)
    (peopled.folder / "data" / FILE_NAME).unlink()
    peopled.within(signs)  # a server starts, and begins another journal
    peopled.done("backup", "restore", path, "--yes")

    assert peopled.done("restore", "finish")["withdrawals_journal_found"] is False
