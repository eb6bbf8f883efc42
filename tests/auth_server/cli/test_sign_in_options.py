"""Clients that sign people in, and what is known of people, as an operator sets them."""

from __future__ import annotations

import pytest

from auth_server.cli.command import ExitCode
from auth_server.protocol.client import Client
from auth_server.services import Services
from auth_server.store.account_claims import AccountClaims
from tests.auth_server.cli.conftest import Operator

APP = ("client", "create", "--client-id", "app", "--grant", "authorization_code", "--redirect-uri", "https://a.example/cb")


def _client(operator: Operator, client_id: str = "app") -> Client:
    async def find(services: Services) -> Client | None:
        return await services.clients.find(client_id)

    client = operator.within(find)
    assert client is not None
    return client


def _known(operator: Operator, username: str = "alice") -> AccountClaims:
    async def find(services: Services) -> AccountClaims:
        account = await services.administration.find(username)
        assert account is not None
        return await services.store.read(lambda tx: tx.account_claims.find(account.sub))

    return operator.within(find)


def test_a_client_is_careful_unless_told_otherwise(operator: Operator) -> None:
    assert operator(*APP).code == 0

    client = _client(operator)
    assert (client.requires_pkce, client.asks_for_consent, client.requires_pushed_requests) == (True, True, False)
    assert client.pairwise_sector is None


def test_every_option_is_stored_told_and_taken_back(operator: Operator) -> None:
    told = operator(
        *APP,
        "--insecure-without-pkce",
        "--require-pushed-requests",
        "--without-consent",
        *("--subject-type", "pairwise"),
        *("--backchannel-logout-uri", "https://a.example/logout"),
        *("--default-max-age", "3600"),
        *("--logo-uri", "https://a.example/logo.png"),
    )
    assert told.code == 0
    client = _client(operator)
    assert (client.requires_pkce, client.asks_for_consent, client.requires_pushed_requests) == (False, False, True)
    assert (client.pairwise_sector, client.default_max_age) == ("a.example", 3600)

    shown = operator("client", "show", "app")
    document = operator("client", "show", "app", "--json").json
    assert "INSECURE" in shown.out
    assert (document["subject_type"], document["backchannel_logout_uri"]) == ("pairwise", "https://a.example/logout")

    back = ("--no-insecure-without-pkce", "--no-without-consent", "--no-require-pushed-requests", "--logo-uri", "")
    assert operator("client", "update", "app", *back, "--default-max-age", "").code == 0
    client = _client(operator)
    assert (client.requires_pkce, client.asks_for_consent, client.requires_pushed_requests) == (True, True, False)
    assert (client.logo_uri, client.default_max_age, client.subject_type) == (None, None, "pairwise")


@pytest.mark.parametrize(
    "options",
    [
        ("--public", "--insecure-without-pkce"),
        ("--backchannel-logout-uri", "http://a.example/logout"),
        ("--backchannel-logout-uri", "https://a.example:8443/logout"),
        ("--logo-uri", "http://a.example/logo.png"),
        ("--sector", "A.example/x"),
        ("--subject-type", "pairwise", "--redirect-uri", "https://b.example/cb"),
    ],
)
def test_what_makes_no_sense_is_refused(operator: Operator, options: tuple[str, ...]) -> None:
    assert operator(*APP, *options).code != 0


def test_pushed_requests_need_the_code_grant(operator: Operator) -> None:
    told = operator("client", "create", "--client-id", "m", "--grant", "client_credentials", "--require-pushed-requests")

    assert told.code != 0


def test_claims_and_groups_of_a_person(operator: Operator) -> None:
    operator("user", "create", "--username", "alice")

    first = operator(
        *("user", "set-claims", "alice", "--claim", "name=Alice Liddell", "--claim", 'address={"locality": "Oxford"}'),
        *("--claim", "phone_number=+442079460000", "--claim", "phone_number_verified=true", "--group", "b", "--group", "a"),
        *("--claim", "https://hr.example/level=3"),
    )
    operator("user", "set-claims", "alice", "--claim", "phone_number=")

    assert first.code == 0
    known = _known(operator)
    assert known.claims == {
        "name": "Alice Liddell",
        "address": {"locality": "Oxford"},
        "phone_number_verified": True,
        "https://hr.example/level": 3,
    }
    assert known.groups == ("a", "b")


@pytest.mark.parametrize(
    "claim",
    ["sub=mallory", "scope=admin", "groups=admins", "email=a@b.example", "address=x", "phone_number_verified=yes", "a b=c", "x"],
)
def test_a_claim_that_would_be_mistaken_is_refused(operator: Operator, claim: str) -> None:
    operator("user", "create", "--username", "alice")

    assert operator("user", "set-claims", "alice", "--claim", claim).code == ExitCode.USAGE
    assert _known(operator).claims == {}


def test_a_resource_declares_what_its_tokens_tell(operator: Operator) -> None:
    create = ("resource", "create", "--identifier", "https://api.example")

    assert operator(*create, "--claim", "groups", "--claim", "department").code == 0
    assert operator("resource", "show", "https://api.example", "--json").json["claims"] == ["department", "groups"]
    for taken in ("sub", "scope", "email", "name", "exp"):
        assert operator("resource", "create", "--identifier", f"https://{taken}.example", "--claim", taken).code != 0
