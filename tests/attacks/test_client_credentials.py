"""Attacks by clients that act for themselves: rows G01 to G03 of the project's checklist (RFC 9700 section 4.15, RFC 9068 section 5)."""

from __future__ import annotations

import pytest

from auth_server.clients.service import RegistrationRefused
from auth_server.endpoints.registry import registration_rules
from tests.support.auth_app import Issuer
from tests.support.builders import NOTES, a_client, a_public_client
from tests.support.keys import claims_of


async def test_g01_a_public_client(issuer: Issuer) -> None:
    for client in ("spa", "first-party"):
        answer = await issuer.token(client, grant_type="client_credentials")
        assert (answer.status_code, answer.json()["error"]) == (400, "unauthorized_client")
    with pytest.raises(RegistrationRefused):
        await issuer.services.clients.register(
            a_public_client("sly", grants=frozenset({"client_credentials"})), registration_rules()
        )


@pytest.mark.parametrize("scope", ["openid", "notes:read openid", "profile", "email"])
async def test_g02_an_identity_asked_for(issuer: Issuer, scope: str) -> None:
    answer = await issuer.token(grant_type="client_credentials", scope=scope)

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_scope")
    assert "id_token" not in answer.text


async def test_g03_offline_access_asked_for(issuer: Issuer) -> None:
    answer = await issuer.token(grant_type="client_credentials", scope="notes:read offline_access")

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_scope")
    assert "refresh_token" not in (await issuer.token(grant_type="client_credentials")).json()


async def test_a_client_cannot_be_given_the_name_of_a_person(issuer: Issuer) -> None:
    with pytest.raises(RegistrationRefused):
        await issuer.services.clients.register(a_client(await issuer.sub()), registration_rules())


async def test_a_clients_token_says_that_it_is_a_clients(issuer: Issuer) -> None:
    answer = (await issuer.token(grant_type="client_credentials")).json()
    claims = claims_of(answer["access_token"])

    assert claims["sub"] == claims["client_id"] == "app"
    assert (claims["aud"], claims["scope"], answer["scope"]) == (NOTES, "notes:read", "notes:read")
    assert not {"auth_time", "acr", "amr", "sid", "grant_id", "roles", "entitlements"} & claims.keys()


@pytest.mark.parametrize(
    "form, error",
    [
        ({"scope": "notes:write"}, "invalid_scope"),
        ({"scope": "admin"}, "invalid_target"),
        ({"scope": 'no"tes'}, "invalid_scope"),
        ({"resource": "https://unknown.example"}, "invalid_target"),
        ({"resource": "relative/path"}, "invalid_target"),
        ({"resource": NOTES + "#f"}, "invalid_target"),
    ],
)
async def test_more_than_the_client_may_have(issuer: Issuer, form: dict[str, str], error: str) -> None:
    answer = await issuer.token(grant_type="client_credentials", **form)

    assert (answer.status_code, answer.json()["error"]) == (400, error)


async def test_a_scope_that_is_partly_the_clients_is_cut_and_told(issuer: Issuer) -> None:
    answer = await issuer.token(grant_type="client_credentials", scope="notes:read notes:write")

    assert answer.json()["scope"] == "notes:read"
