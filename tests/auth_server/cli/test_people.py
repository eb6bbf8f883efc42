"""Accounts, roles and sessions, as an operator sees them."""

from __future__ import annotations

import shlex

import pytest

from auth_server.cli.command import ExitCode
from auth_server.services import Services
from auth_server.web.request_facts import RequestFacts
from tests.auth_server.cli.conftest import Operator

PASSWORD = "lantern gravel otter umbrella"
FACTS = RequestFacts("192.0.2.1", "request-1")


def _sign_in(operator: Operator, password: str, name: str = "alice") -> str:
    async def sign_in(services: Services) -> str:
        return (await services.login.sign_in(name, password, FACTS)).session.sid

    return operator.within(sign_in)


def _alice(operator: Operator) -> str:
    """Make alice and return the password that was made for her."""
    return str(operator.done("user", "create", "--username", "alice", "--email", "alice@example.com")["password"])


def test_the_examples_of_the_contract_work_as_they_are_written(operator: Operator) -> None:
    operator.file("f", PASSWORD + "\n")
    role = operator(*shlex.split("role create editor --permission notes:read --permission notes:write"))
    line = f"user create --username alice --email alice@example.com --password-file {operator.folder}/f --role editor"
    user = operator(*shlex.split(line))

    assert (role.code, user.code) == (0, 0)
    assert PASSWORD not in user.out + user.err
    assert operator.done("user", "show", "alice")["roles"] == ["editor"]
    assert _sign_in(operator, PASSWORD)


def test_a_made_password_is_printed_once_and_works(operator: Operator) -> None:
    password = _alice(operator)

    assert _sign_in(operator, password)
    assert password not in operator("user", "show", "alice", "--json").out


def test_a_password_may_come_from_standard_input(operator: Operator) -> None:
    operator.done("user", "create", "--username", "alice", "--password-file", "-", stdin=PASSWORD + "\n")

    assert _sign_in(operator, PASSWORD)


def test_a_weak_password_is_refused_with_reasons_unless_said_loudly(operator: Operator) -> None:
    words = ("user", "create", "--username", "alice", "--password-file", "-")

    told = operator(*words, "--json", stdin="password1234567\n")

    assert told.code == ExitCode.REFUSED
    assert told.error["error"] == "weak_password"
    assert len(told.error["reasons"]) > 1
    assert operator(*words, "--insecurely-allow-weak-password", stdin="password1234567\n").code == 0


def test_if_missing_may_be_repeated(operator: Operator) -> None:
    words = ("user", "create", "--username", "alice", "--if-missing")

    first, second = operator.done(*words), operator.done(*words)

    assert first["created"]
    assert not second["created"]
    assert "password" not in second
    assert first["sub"] == second["sub"]
    assert operator("user", "create", "--username", "Alice").code == ExitCode.EXISTS


def test_an_unknown_role_creates_nobody(operator: Operator) -> None:
    operator("role", "create", "editor")

    told = operator("user", "create", "--username", "alice", "--role", "editr")

    assert told.code == ExitCode.NOT_FOUND
    assert "did you mean editor?" in told.err
    assert operator.done("user", "list")["users"] == []


def test_a_person_is_found_by_name_verified_address_and_sub(operator: Operator) -> None:
    words = ("user", "create", "--username", "alice", "--email", "alice@example.com", "--email-verified")
    sub = operator.done(*words)["sub"]

    assert [operator.done("user", "show", name)["sub"] for name in ("ALICE", "alice@example.com", sub)] == [sub] * 3


def test_an_unverified_address_finds_nobody(operator: Operator) -> None:
    _alice(operator)

    assert operator("user", "show", "alice@example.com").code == ExitCode.NOT_FOUND


def test_an_address_that_is_verified_for_somebody_is_exit_code_5(operator: Operator) -> None:
    words = ("--email", "a@example.com", "--email-verified")
    operator.done("user", "create", "--username", "alice", *words)

    assert operator("user", "create", "--username", "bob", *words).code == ExitCode.EXISTS


def test_a_list_is_read_page_by_page(operator: Operator) -> None:
    for name in ("alice", "Bob", "carol"):
        operator.done("user", "create", "--username", name)

    first = operator.done("user", "list", "--limit", "2")
    second = operator.done("user", "list", "--limit", "2", "--after", first["next"])

    assert [user["username"] for user in first["users"] + second["users"]] == ["alice", "Bob", "carol"]
    assert second["next"] is None
    assert "user list --after Bob" in operator("user", "list", "--limit", "2").out


def test_a_disabled_person_loses_the_session_and_may_be_enabled_again(operator: Operator) -> None:
    password = _alice(operator)
    _sign_in(operator, password)

    assert operator.done("user", "disable", "alice", "--reason", "left")["changed"]
    assert operator.done("session", "list", "alice")["sessions"] == []
    assert operator.done("user", "show", "alice")["disabled_reason"] == "left"
    assert "left" in operator("user", "show", "alice").out
    assert operator.done("user", "enable", "alice")["changed"]
    assert not operator.done("user", "enable", "alice")["changed"]
    assert _sign_in(operator, password)


def test_a_reset_password_replaces_the_old_one(operator: Operator) -> None:
    _alice(operator)

    made = operator.done("user", "reset-password", "alice")["password"]

    assert _sign_in(operator, made)
    operator.done("user", "reset-password", "alice", "--password-file", "-", stdin=PASSWORD + "\n")
    assert _sign_in(operator, PASSWORD)


def test_unlock_tells_whether_there_was_anything_to_forget(operator: Operator) -> None:
    _alice(operator)

    assert not operator.done("user", "unlock", "alice")["changed"]


@pytest.mark.parametrize("verb", ["show", "disable", "enable", "reset-password", "unlock"])
def test_an_unknown_user_is_exit_code_4(verb: str, operator: Operator) -> None:
    assert operator("user", verb, "nobody").code == ExitCode.NOT_FOUND


def test_a_role_is_made_changed_given_taken_and_deleted(operator: Operator) -> None:
    _alice(operator)
    operator.done("role", "create", "editor", "--permission", "notes:read", "--description", "Edits")

    update = ("role", "update", "editor", "--add-permission", "notes:write", "--remove-permission", "notes:read")
    assert operator.done(*update)["permissions"] == ["notes:write"]
    assert not operator.done(*update)["changed"]
    assert operator.done("role", "grant", "editor", "alice")["changed"]
    assert not operator.done("role", "grant", "editor", "alice")["changed"]
    assert operator.done("user", "show", "alice")["roles"] == ["editor"]
    assert operator.done("role", "revoke", "editor", "alice")["changed"]
    assert operator.done("user", "show", "alice")["roles"] == []
    assert operator("role", "delete", "editor").code == ExitCode.USAGE
    assert operator.done("role", "delete", "editor", "--yes")["deleted"]
    assert operator.done("role", "list")["roles"] == []


def test_what_is_taken_from_a_role_says_how_soon_it_holds(operator: Operator) -> None:
    operator.set("ACCESS_TOKEN_LIFETIME", "300")
    operator.done("role", "create", "editor", "--permission", "notes:read")
    soon = (
        "holds within 15 seconds at every connected API; at the latest when the token expires "
        "(6 minutes, its lifetime plus leeway) at one that is cut off"
    )

    assert "holds" not in operator("role", "update", "editor", "--add-permission", "notes:write").out
    assert f"what was taken out {soon}" in operator("role", "update", "editor", "--remove-permission", "notes:read").out
    assert f"role editor deleted; it {soon}" in operator("role", "delete", "editor", "--yes").out


def test_a_role_that_too_many_have_says_that_it_runs_out(operator: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("auth_server.roles.service.MAX_REVOKED_HOLDERS", 0)
    _alice(operator)
    operator.done("role", "create", "editor", "--permission", "notes:read")
    operator.done("role", "grant", "editor", "alice")

    told = operator("role", "delete", "editor", "--yes").out

    assert "role editor deleted; it holds when the token expires, 11 minutes at the latest" in told
    assert "15 seconds" not in told


def test_a_role_that_exists_is_left_as_it_is(operator: Operator) -> None:
    operator("role", "create", "editor", "--permission", "notes:read")

    assert operator("role", "create", "editor", "--permission", "x").code == ExitCode.EXISTS
    assert operator.done("role", "create", "editor", "--permission", "x", "--if-missing") == {
        "name": "editor",
        "description": "",
        "permissions": ["notes:read"],
        "created": False,
    }


def test_a_role_with_a_malformed_name_is_refused(operator: Operator) -> None:
    assert operator("role", "create", "an editor").code == ExitCode.REFUSED


@pytest.mark.parametrize("words", [["grant", "editr", "alice"], ["grant", "editor", "bob"], ["delete", "editr", "--yes"]])
def test_an_unknown_role_or_person_is_exit_code_4(words: list[str], operator: Operator) -> None:
    _alice(operator)
    operator("role", "create", "editor")

    assert operator("role", *words).code == ExitCode.NOT_FOUND


def test_a_session_is_listed_and_ended(operator: Operator) -> None:
    sid = _sign_in(operator, _alice(operator))

    listed = operator.done("session", "list", "alice")["sessions"]
    assert [session["sid"] for session in listed] == [sid]
    assert "192.0.2.1" in operator("session", "list", "alice").out
    assert operator("session", "revoke", sid).code == ExitCode.USAGE
    assert operator.done("session", "revoke", sid, "--yes")["changed"]
    assert not operator.done("session", "revoke", sid, "--yes")["changed"]
    assert operator.done("session", "list", "alice")["sessions"] == []


def test_an_unknown_session_is_exit_code_4(operator: Operator) -> None:
    assert operator("session", "revoke", "nothing", "--yes").code == ExitCode.NOT_FOUND
