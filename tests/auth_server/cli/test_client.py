"""Registered clients, as an operator sees them."""

from __future__ import annotations

import shlex

import pytest

from auth_server.cli.command import ExitCode
from auth_server.clients import secrets
from auth_server.protocol.client import Client
from auth_server.services import Services
from tests.auth_server.cli.conftest import Operator

BILLING = ("client", "create", "--client-id", "billing", "--grant", "client_credentials", "--scope", "notes:read")
SECRET = "0123456789abcdef0123456789abcdef-a-given-secret"


def _stored(operator: Operator, client_id: str) -> Client:
    async def find(services: Services) -> Client | None:
        return await services.clients.find(client_id)

    client = operator.within(find)
    assert client is not None
    return client


def test_the_example_of_the_contract_works_as_it_is_written(operator: Operator) -> None:
    operator.file("f", SECRET + "\n")
    line = f"""client create --client-id billing --client-secret-file {operator.folder}/f --grant authorization_code
        --grant refresh_token --grant client_credentials --redirect-uri https://a.example/cb
        --post-logout-redirect-uri https://a.example/bye --scope "openid profile email offline_access notes:read" """

    told = operator(*shlex.split(line))

    assert told.code == 0
    assert SECRET not in told.out + told.err
    assert "not served" not in told.err
    client = _stored(operator, "billing")
    assert secrets.is_one_of(SECRET, client.secrets, 0)
    assert client.grants == {"authorization_code", "refresh_token", "client_credentials"}
    assert client.redirect_uris == ("https://a.example/cb",)
    assert client.scope == {"openid", "profile", "email", "offline_access", "notes:read"}


def test_a_made_secret_is_printed_once_and_works(operator: Operator) -> None:
    told = operator(*BILLING)

    made = next(line.split()[1] for line in told.out.splitlines() if line.startswith("client_secret "))
    assert secrets.is_one_of(made, _stored(operator, "billing").secrets, 0)
    assert made not in operator("client", "show", "billing").out + operator("client", "list", "--json").out


def test_a_name_that_is_taken_is_exit_code_5_and_nothing_changes(operator: Operator) -> None:
    operator(*BILLING)

    told = operator("client", "create", "--client-id", "billing", "--name", "another", "--json")

    assert told.code == ExitCode.EXISTS
    assert told.error["error"] == "exists"
    assert _stored(operator, "billing").name == "billing"


def test_if_missing_may_be_repeated(operator: Operator) -> None:
    first, second = (operator.done(*BILLING, "--if-missing") for _ in range(2))

    assert first["created"]
    assert first["client_secret"]
    assert not second["created"]
    assert "client_secret" not in second
    assert len(_stored(operator, "billing").secrets) == 1


def test_a_public_client_has_no_secret(operator: Operator) -> None:
    made = operator.done("client", "create", "--client-id", "app", "--public", "--grant", "refresh_token")

    assert "client_secret" not in made
    assert made["token_endpoint_auth_method"] == "none"
    assert operator("client", "rotate-secret", "app").code == ExitCode.REFUSED


@pytest.mark.parametrize(
    "words",
    [
        ["--grant", "password"],
        ["--auth-method", "magic"],
        ["--redirect-uri", "http://a.example/cb"],
        ["--public", "--grant", "client_credentials"],
    ],
)
def test_a_registration_that_makes_no_sense_is_refused(words: list[str], operator: Operator) -> None:
    assert operator("client", "create", "--client-id", "x", *words).code == ExitCode.REFUSED
    assert operator.done("client", "list")["clients"] == []


@pytest.mark.parametrize("content", ["", "two\nlines\n", "short\n"])
def test_a_secret_file_must_hold_one_good_line(content: str, operator: Operator) -> None:
    path = operator.file("f", content)

    assert operator("client", "create", "--client-id", "x", "--client-secret-file", path).code != 0
    assert operator.done("client", "list")["clients"] == []


def test_a_secret_file_that_is_not_there_is_one_sentence(operator: Operator) -> None:
    told = operator("client", "create", "--client-id", "x", "--client-secret-file", str(operator.folder / "none"))

    assert told.code == ExitCode.USAGE
    assert "No such file" in told.err


def test_a_list_is_read_page_by_page(operator: Operator) -> None:
    for name in ("a", "b", "c"):
        operator.done("client", "create", "--client-id", name, "--public")

    first = operator.done("client", "list", "--limit", "2")
    second = operator.done("client", "list", "--limit", "2", "--after", first["next"])

    assert [client["client_id"] for client in first["clients"]] == ["a", "b"]
    assert [client["client_id"] for client in second["clients"]] == ["c"]
    assert second["next"] is None
    assert "client list --after b" in operator("client", "list", "--limit", "2").out


def test_an_update_changes_what_is_named_and_keeps_the_rest(operator: Operator) -> None:
    operator(*BILLING, "--redirect-uri", "https://a.example/1", "--name", "Billing")

    words = ("--add-redirect-uri", "https://a.example/2", "--remove-redirect-uri", "https://a.example/1")
    told = operator.done("client", "update", "billing", *words, "--add-scope", "notes:write", "--add-grant", "refresh_token")

    assert told["changed"]
    client = _stored(operator, "billing")
    assert client.redirect_uris == ("https://a.example/2",)
    assert client.scope == {"notes:read", "notes:write"}
    assert client.grants == {"client_credentials", "refresh_token"}
    assert client.name == "Billing"
    assert len(client.secrets) == 1


def test_a_client_may_ask_for_an_algorithm_and_take_it_back(operator: Operator) -> None:
    operator.set("SIGNING_ALGORITHMS", "RS256,Ed25519")
    operator.done("client", "create", "--client-id", "app", "--public", "--signing-alg", "Ed25519")
    assert operator.done("client", "show", "app")["signing_alg"] == "Ed25519"

    assert operator.done("client", "update", "app", "--name", "App")["signing_alg"] == "Ed25519"
    assert operator.done("client", "update", "app", "--signing-alg", "RS256")["signing_alg"] == "RS256"
    assert operator("client", "update", "app", "--signing-alg", "HS256").code == ExitCode.REFUSED
    assert operator.done("client", "update", "app", "--signing-alg", "")["signing_alg"] is None


def test_an_update_that_changes_nothing_says_so(operator: Operator) -> None:
    operator(*BILLING)

    assert not operator.done("client", "update", "billing", "--add-scope", "notes:read")["changed"]


def test_an_update_never_changes_whether_there_is_a_secret(operator: Operator) -> None:
    operator(*BILLING)

    assert operator("client", "update", "billing", "--auth-method", "none").code == ExitCode.REFUSED


def test_a_rotated_secret_works_beside_the_old_one_for_a_while(operator: Operator) -> None:
    old = operator.done(*BILLING)["client_secret"]
    new = operator.done("client", "rotate-secret", "billing", "--overlap", "3600")["client_secret"]

    client = _stored(operator, "billing")
    soon, later = client.created_at + 60, client.created_at + 7200
    assert [secrets.is_one_of(secret, client.secrets, soon) for secret in (old, new)] == [True, True]
    assert [secrets.is_one_of(secret, client.secrets, later) for secret in (old, new)] == [False, True]


def test_a_disabled_client_is_enabled_again(operator: Operator) -> None:
    operator(*BILLING)

    assert operator.done("client", "disable", "billing")["changed"]
    assert not operator.done("client", "disable", "billing")["changed"]
    assert _stored(operator, "billing").disabled
    assert operator.done("client", "enable", "billing")["changed"]
    assert not operator.done("client", "enable", "billing")["changed"]
    assert not _stored(operator, "billing").disabled


def test_deleting_needs_a_yes_where_nobody_can_be_asked(operator: Operator) -> None:
    operator(*BILLING)

    assert operator("client", "delete", "billing").code == ExitCode.USAGE
    assert operator.done("client", "delete", "billing", "--yes")["deleted"]
    assert operator("client", "show", "billing").code == ExitCode.NOT_FOUND


@pytest.mark.parametrize("verb", ["show", "update", "rotate-secret", "disable", "enable"])
def test_an_unknown_client_is_exit_code_4(verb: str, operator: Operator) -> None:
    assert operator("client", verb, "nobody").code == ExitCode.NOT_FOUND


@pytest.mark.parametrize("verb", ["update", "rotate-secret", "disable", "enable"])
def test_the_built_in_client_is_left_alone(verb: str, operator: Operator) -> None:
    assert operator("client", verb, "first-party").code == ExitCode.REFUSED


def test_what_an_operator_did_is_in_the_audit_log(operator: Operator) -> None:
    operator(*BILLING)

    assert [event["actor"] for event in operator.events("client.created")] == ["operator"]


def test_a_name_cannot_move_the_cursor(operator: Operator) -> None:
    """RFC 7591 section 2 lets a client's name hold anything; a terminal would obey it."""
    operator("client", "create", "--client-id", "x", "--public", "--name", "\x1b[2Jboo")

    assert "\x1b" not in operator("client", "show", "x").out
