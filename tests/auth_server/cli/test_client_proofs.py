"""Clients that prove themselves by signatures, ask about tokens, or exchange them, as an operator registers them."""

from __future__ import annotations

import pytest

from auth_server.cli.command import ExitCode
from auth_server.cli.config_file import load_config
from auth_server.protocol.client import Client, ExchangePolicy, TrustedIssuer
from auth_server.services import Services
from tests.auth_server.cli.conftest import Operator
from tests.support.assertions import a_party

CREATE = ("client", "create", "--client-id", "signer")
JOB = (*CREATE, "--public", "--grant", "urn:ietf:params:oauth:grant-type:jwt-bearer")
CI = ("--trusted-issuer", "https://ci.example", "--trusted-subject", "repo:a/b")


def _stored(operator: Operator) -> Client:
    async def find(services: Services) -> Client | None:
        return await services.clients.find("signer")

    client = operator.within(find)
    assert client is not None
    return client


def test_a_client_with_keys_has_no_secret(operator: Operator) -> None:
    operator.file("jwks.json", a_party().jwks)
    told = operator(*CREATE, "--auth-method", "private_key_jwt", "--jwks-file", f"{operator.folder}/jwks.json", "--json")

    assert told.code == 0
    assert "client_secret" not in told.json
    assert told.json["has_jwks"] is True
    assert _stored(operator).jwks == a_party().jwks
    assert operator("client", "rotate-secret", "signer").code == ExitCode.REFUSED

    moved = operator("client", "update", "signer", "--jwks-uri", "https://signer.example/jwks")
    assert moved.code == 0
    assert (_stored(operator).jwks, _stored(operator).jwks_uri) == (None, "https://signer.example/jwks")


def test_a_trusted_issuer_is_added_and_replaced(operator: Operator) -> None:
    operator.file("jwks.json", a_party().jwks)
    assert operator(*JOB, *CI).code == 0
    assert _stored(operator).trusted_issuers == (TrustedIssuer("https://ci.example", "repo:a/b"),)

    keys = ("--trusted-jwks-file", f"{operator.folder}/jwks.json", "--trusted-reusable")
    operator("client", "update", "signer", *CI, *keys)
    operator("client", "update", "signer", "--trusted-issuer", "https://other.example", "--trusted-subject", "x")

    assert _stored(operator).trusted_issuers == (
        TrustedIssuer("https://ci.example", "repo:a/b", a_party().jwks, None, reusable=True),
        TrustedIssuer("https://other.example", "x"),
    )
    shown = operator("client", "show", "signer")
    assert "https://ci.example about repo:a/b" in shown.out


def test_what_a_client_may_ask_about_and_exchange(operator: Operator) -> None:
    policy = ("--exchange-audience", "http://stock", "--exchange-from", "app", "--exchange-from", "spa")
    operator(*CREATE, "--introspects", "http://notes", *policy)

    stored = _stored(operator)
    assert stored.introspects == {"http://notes"}
    assert stored.exchange == ExchangePolicy(frozenset({"http://stock"}), frozenset({"app", "spa"}))
    operator("client", "update", "signer", "--exchange-audience", "", "--exchange-from", "", "--introspects", "")
    assert (_stored(operator).exchange, _stored(operator).introspects) == (None, frozenset())


@pytest.mark.parametrize(
    "words, code",
    [
        ((*CREATE, "--auth-method", "private_key_jwt"), ExitCode.REFUSED),
        ((*CREATE, "--auth-method", "private_key_jwt", "--jwks-uri", "http://a.example/"), ExitCode.REFUSED),
        ((*CREATE, "--auth-method", "private_key_jwt", "--jwks-file", "/nowhere"), ExitCode.USAGE),
        ((*JOB, "--trusted-issuer", "https://ci.example"), ExitCode.USAGE),
        ((*JOB, "--trusted-reusable"), ExitCode.USAGE),
        ((*JOB, "--trusted-issuer", "https://kubernetes.default.svc", "--trusted-subject", "x"), ExitCode.REFUSED),
        (JOB, ExitCode.REFUSED),
    ],
)
def test_what_makes_no_sense_is_told(operator: Operator, words: tuple[str, ...], code: ExitCode) -> None:
    assert operator(*words).code == code


def test_the_declarative_file_knows_all_of_it(operator: Operator) -> None:
    operator.file("jwks.json", a_party().jwks)
    operator.file(
        "config.toml",
        """
        [[clients]]
        client_id = "job"
        auth_method = "private_key_jwt"
        jwks_file = "jwks.json"
        introspects = ["http://notes"]
        exchange_audiences = ["http://stock"]
        exchange_subject_clients = ["app"]

        [[clients.trusted_issuers]]
        issuer = "https://ci.example"
        subject = "repo:a/b"
        reusable = true
        """,
    )

    (entry,) = load_config(operator.folder / "config.toml").clients

    assert entry.client.jwks == a_party().jwks
    assert entry.client.introspects == {"http://notes"}
    assert entry.client.exchange == ExchangePolicy(frozenset({"http://stock"}), frozenset({"app"}))
    assert entry.client.trusted_issuers == (TrustedIssuer("https://ci.example", "repo:a/b", reusable=True),)


def test_a_registration_token_is_shown_once_listed_and_revoked(operator: Operator) -> None:
    made = operator("registration-token", "create", "--name", "ci", "--uses", "3", "--json")
    token, token_id = made.json["token"], made.json["id"]

    listed = operator("registration-token", "list", "--json")
    assert [(row["id"], row["name"], row["uses_left"]) for row in listed.json["registration_tokens"]] == [(token_id, "ci", 3)]
    assert token not in listed.out
    assert "is off" in made.json["notes"][0]
    assert operator("registration-token", "revoke", token_id).code == 0
    assert operator("registration-token", "revoke", token_id).code == ExitCode.NOT_FOUND
