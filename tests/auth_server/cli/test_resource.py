"""Protected resources, as an operator sees them."""

from __future__ import annotations

import shlex

import pytest

from auth_server.cli.command import ExitCode
from tests.auth_server.cli.conftest import Operator

NOTES = "http://localhost:8001"
CREATE = ("resource", "create", "--identifier", NOTES, "--scope", "notes:read=Read your notes")


def test_the_example_of_the_contract_works_as_it_is_written(operator: Operator) -> None:
    line = """resource create --identifier http://localhost:8001 --scope "notes:read=Read your notes" --scope
        "notes:write=Change your notes" --requires-permission notes:write"""

    assert operator(*shlex.split(line)).code == 0
    shown = operator.done("resource", "show", NOTES)
    assert shown["first_party"]
    assert shown["scopes"] == [
        {"name": "notes:read", "description": "Read your notes", "requires_permission": None},
        {"name": "notes:write", "description": "Change your notes", "requires_permission": "notes:write"},
    ]


def test_a_scope_may_require_another_permission_and_a_meaning_may_hold_an_equals_sign(operator: Operator) -> None:
    words = ("--scope", "x=a = b", "--requires-permission", "x=may-x", "--no-first-party", "--access-token-lifetime", "60")
    operator.done("resource", "create", "--identifier", NOTES, *words)

    shown = operator.done("resource", "show", NOTES)
    assert shown["scopes"] == [{"name": "x", "description": "a = b", "requires_permission": "may-x"}]
    assert (shown["first_party"], shown["access_token_lifetime"]) == (False, 60)
    assert "60 s" in operator("resource", "show", NOTES).out


def test_a_resource_may_ask_for_an_algorithm_and_is_told_when_it_is_ready(operator: Operator) -> None:
    operator.set("SIGNING_ALGORITHMS", "RS256,ES256")
    operator("init")

    told = operator("resource", "create", "--identifier", NOTES, "--signing-alg", "ES256")

    assert told.code == 0
    assert "refused until" in told.err
    assert operator.done("resource", "show", NOTES)["signing_alg"] == "ES256"
    assert "ES256" in operator("resource", "show", NOTES).out
    operator.set("SIGNING_ALGORITHMS", "RS256")
    assert "not among AUTH_SERVER_SIGNING_ALGORITHMS any more" in operator("resource", "show", NOTES).err


@pytest.mark.parametrize("alg", ["ES256", "HS256", "none", "rs256", "EdDSA"])
def test_a_resource_asks_for_no_algorithm_that_the_server_does_not_sign_with(alg: str, operator: Operator) -> None:
    told = operator(*CREATE, "--signing-alg", alg)

    assert told.code == ExitCode.REFUSED
    assert "signing_alg" in told.err
    assert operator.done("resource", "list")["resources"] == []


def test_a_resource_that_exists_is_left_as_it_is(operator: Operator) -> None:
    operator(*CREATE)

    assert operator("resource", "create", "--identifier", NOTES).code == ExitCode.EXISTS
    again = operator.done("resource", "create", "--identifier", NOTES, "--if-missing")
    assert not again["created"]
    assert len(again["scopes"]) == 1


@pytest.mark.parametrize(
    "words, code",
    [
        (["--requires-permission", "notes:raed"], ExitCode.USAGE),
        (["--scope", "notes:read=again"], ExitCode.USAGE),
        (["--scope", "openid"], ExitCode.REFUSED),
        (["--access-token-lifetime", "100000"], ExitCode.REFUSED),
    ],
)
def test_a_description_that_makes_no_sense_is_refused(words: list[str], code: ExitCode, operator: Operator) -> None:
    assert operator(*CREATE, *words).code == code
    assert operator.done("resource", "list")["resources"] == []


def test_a_list_is_read_page_by_page(operator: Operator) -> None:
    for port in (1, 2, 3):
        operator.done("resource", "create", "--identifier", f"http://localhost:{port}")

    first = operator.done("resource", "list", "--limit", "2")
    second = operator.done("resource", "list", "--after", first["next"])

    assert [r["identifier"][-1] for r in first["resources"] + second["resources"]] == ["1", "2", "3"]
    assert "resource list --after" in operator("resource", "list", "--limit", "2").out


def test_a_resource_is_deleted_after_a_yes(operator: Operator) -> None:
    operator(*CREATE)

    assert operator("resource", "delete", NOTES).code == ExitCode.USAGE
    assert operator.done("resource", "delete", NOTES, "--yes")["deleted"]
    assert operator("resource", "delete", NOTES, "--yes").code == ExitCode.NOT_FOUND
