"""Attacks on token exchange: incidents 73 and 89 of the project's list (RFC 8693)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from auth_server.endpoints.registry import registration_rules
from auth_server.grants.token_exchange import TOKEN_EXCHANGE
from auth_server.protocol.client import ExchangePolicy
from auth_server.protocol.secret import Secret
from tests.support.assertions import a_party
from tests.support.auth_app import Issuer, basic, running
from tests.support.builders import NOTES, a_client, a_public_client, a_resource
from tests.support.databases import Database
from tests.support.keys import claims_of
from tests.support.registered import STOCK

ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"
CANARY = "canary-secret-of-stock-1a2b3c4d5e6f708192"


@pytest.fixture
async def exchanging(issuer_database: Database, tmp_path: Path) -> AsyncIterator[Issuer]:
    """An auth server with a second API, the stock, whose own calls go on to nobody."""
    async with running(issuer_database, tmp_path, {"TOKEN_EXCHANGE": "true"}) as issuer:
        await issuer.services.resources.create(
            a_resource(STOCK, scopes=("stock:read", "stock:write"), requires={"stock:write": "stock:write"}, first_party=False)
        )
        yield issuer


async def _exchange(issuer: Issuer, token: str, client: str = "gateway", **form: str) -> httpx2.Response:
    asked = {"subject_token": token, "subject_token_type": ACCESS_TOKEN, "resource": STOCK} | form
    return await issuer.token(client, grant_type=TOKEN_EXCHANGE, **{k: v for k, v in asked.items() if v})


async def _refused(issuer: Issuer, token: str, **form: str) -> str:
    answer = await _exchange(issuer, token, **form)
    assert answer.status_code == 400, answer.text
    assert "access_token" not in answer.json()
    return str(answer.json()["error"])


async def _person(issuer: Issuer, **members: object) -> str:
    return str((await issuer.login(**members)).json()["access_token"])


async def test_a_service_calls_another_on_behalf_of_a_person(exchanging: Issuer) -> None:
    before = claims_of(token := await _person(exchanging))
    answer = await _exchange(exchanging, token)

    body, claims = answer.json(), claims_of(answer.json()["access_token"])
    assert (body["issued_token_type"], body["token_type"], body["scope"]) == (ACCESS_TOKEN, "Bearer", "stock:read")
    assert (claims["sub"], claims["aud"], claims["client_id"]) == (before["sub"], STOCK, "gateway")
    assert claims["act"] == {"sub": "gateway"}
    assert {name: claims[name] for name in ("sid", "grant_id", "auth_time", "acr", "amr")} == {
        name: before[name] for name in ("sid", "grant_id", "auth_time", "acr", "amr")
    }
    assert "refresh_token" not in body
    assert claims["exp"] <= before["exp"]


async def test_the_chain_of_actors_grows_by_one(exchanging: Issuer) -> None:
    stock = a_client(
        "stock-api",
        grants=frozenset({TOKEN_EXCHANGE}),
        introspects=frozenset({STOCK}),
        exchange=ExchangePolicy(frozenset({NOTES}), frozenset({"gateway"})),
        scope=frozenset({"notes:read"}),
    )
    await exchanging.services.clients.register(stock, registration_rules(), Secret(CANARY))
    first = (await _exchange(exchanging, await _person(exchanging))).json()["access_token"]
    form = {"grant_type": TOKEN_EXCHANGE, "subject_token": first, "subject_token_type": ACCESS_TOKEN}

    second = await exchanging.http.post("/token", data=form, headers={"Authorization": basic("stock-api", CANARY)})

    claims = claims_of(second.json()["access_token"])
    assert claims["act"] == {"sub": "stock-api", "act": {"sub": "gateway"}}
    assert claims["aud"] == NOTES


async def test_a_client_s_own_token_is_exchanged_as_its_own(exchanging: Issuer) -> None:
    token = (await exchanging.token("app", grant_type="client_credentials")).json()["access_token"]

    claims = claims_of((await _exchange(exchanging, token)).json()["access_token"])

    assert (claims["sub"], claims["client_id"], claims["act"]) == ("app", "gateway", {"sub": "gateway"})
    assert not {"roles", "sid", "auth_time"} & claims.keys()


async def test_cve_89_exchange_is_off_by_default(issuer: Issuer) -> None:
    answer = await _exchange(issuer, await _person(issuer))

    assert (answer.status_code, answer.json()["error"]) == (400, "unsupported_grant_type")
    assert TOKEN_EXCHANGE not in (await issuer.http.get("/.well-known/openid-configuration")).json()["grant_types_supported"]


POLICIES: dict[str, tuple[dict[str, Any], str]] = {
    "no policy": ({"exchange": None}, "unauthorized_client"),
    "without the grant": ({"grants": frozenset({"client_credentials"})}, "unauthorized_client"),
    "another audience": ({"exchange": ExchangePolicy(frozenset({NOTES}), frozenset({"first-party"}))}, "invalid_target"),
    "no audience": ({"exchange": ExchangePolicy(frozenset(), frozenset({"first-party"}))}, "invalid_target"),
    "another client's tokens": ({"exchange": ExchangePolicy(frozenset({STOCK}), frozenset({"spa"}))}, "invalid_request"),
    "nobody's tokens": ({"exchange": ExchangePolicy(frozenset({STOCK}), frozenset())}, "invalid_request"),
    "tokens that are for another API": ({"introspects": frozenset({STOCK})}, "invalid_request"),
    "standing for no API": ({"introspects": frozenset()}, "invalid_request"),
    "no scope at the target": ({"scope": frozenset({"notes:read"})}, "invalid_target"),
}  # fmt: skip


@pytest.mark.parametrize("policy", POLICIES)
async def test_cve_89_audience_and_actor_policy(exchanging: Issuer, policy: str) -> None:
    changes, error = POLICIES[policy]
    members = {
        "grants": frozenset({TOKEN_EXCHANGE}),
        "introspects": frozenset({NOTES}),
        "exchange": ExchangePolicy(frozenset({STOCK}), frozenset({"first-party"})),
        "scope": frozenset({"stock:read"}),
    }
    client = a_client("sly", **(members | changes))
    await exchanging.services.clients.register(client, registration_rules(), Secret(CANARY))
    form = {"grant_type": TOKEN_EXCHANGE, "subject_token_type": ACCESS_TOKEN, "resource": STOCK}
    headers = {"Authorization": basic("sly", CANARY)}

    answer = await exchanging.http.post("/token", data=form | {"subject_token": await _person(exchanging)}, headers=headers)

    assert (answer.status_code, answer.json()["error"]) == (400, error)


async def test_cve_89_a_public_client_exchanges_nothing(exchanging: Issuer) -> None:
    policy = ExchangePolicy(frozenset({STOCK}), frozenset({"first-party"}))
    client = a_public_client("open", grants=frozenset({TOKEN_EXCHANGE}), exchange=policy, introspects=frozenset({NOTES}))
    await exchanging.services.clients.register(client, registration_rules())

    assert await _refused(exchanging, await _person(exchanging), client="open") == "unauthorized_client"


@pytest.mark.parametrize(
    "how", ["session ended", "session lapsed", "family revoked", "account disabled", "client disabled", "expired"]
)
async def test_cve_73_a_token_that_was_revoked_is_not_exchanged(exchanging: Issuer, how: str) -> None:
    services, signed_in = exchanging.services, (await exchanging.login()).json()
    token = signed_in["access_token"]
    claims = claims_of(token)
    if how == "session ended":
        await services.sessions.end(claims["sid"], "signed_out")
    elif how == "session lapsed":
        exchanging.database.execute("UPDATE session SET idle_expires_at = 1 WHERE sid = :sid", sid=claims["sid"])
    elif how == "family revoked":
        await exchanging.post("/revoke", {"token": signed_in["refresh_token"]}, "first-party")
    elif how == "account disabled":
        await services.administration.disable(claims["sub"], "test")
    elif how == "client disabled":
        token = (await exchanging.token("app", grant_type="client_credentials")).json()["access_token"]
        await services.clients.disable("app")
    else:
        await exchanging.advance(600)

    assert await _refused(exchanging, token) == "invalid_request"


async def test_cve_73_signing_out_ends_the_exchanged_token_as_well(exchanging: Issuer) -> None:
    token = await _person(exchanging)
    exchanged = (await _exchange(exchanging, token)).json()["access_token"]
    asked = {"token": exchanged}
    assert (await exchanging.post("/introspect", asked, "gateway")).json()["active"] is True

    await exchanging.services.sessions.end(claims_of(token)["sid"], "signed_out")

    assert (await exchanging.post("/introspect", asked, "gateway")).json() == {"active": False}


async def test_nothing_grows(exchanging: Issuer) -> None:
    narrow = await _person(exchanging, scope="notes:read")

    assert await _refused(exchanging, narrow, resource=NOTES, scope="notes:write") == "invalid_scope"
    assert (await _exchange(exchanging, narrow, resource=NOTES)).json()["scope"] == "notes:read"
    assert (await _exchange(exchanging, narrow, resource=NOTES, scope="notes:read notes:write")).json()["scope"] == "notes:read"
    # The person may not write to the stock, so nobody does in their name.
    assert await _refused(exchanging, narrow, scope="stock:write") == "invalid_scope"
    for scope in ("openid", "offline_access", "stock:read profile"):
        assert await _refused(exchanging, narrow, scope=scope) == "invalid_scope"


async def test_the_new_token_does_not_outlive_the_old_one(exchanging: Issuer) -> None:
    token = await _person(exchanging)
    await exchanging.advance(590)

    answer = await _exchange(exchanging, token)
    assert answer.json()["expires_in"] <= 10
    assert claims_of(answer.json()["access_token"])["exp"] <= claims_of(token)["exp"]
    await exchanging.advance(10)
    assert await _refused(exchanging, token) == "invalid_request"


async def test_other_kinds_of_tokens(exchanging: Issuer) -> None:
    signed_in = (await exchanging.login()).json()
    token = signed_in["access_token"]
    forged = a_party("thief").sign(claims_of(token), typ="at+jwt")
    own_kind = a_party("thief").sign(claims_of(token))
    for wrong in (signed_in["refresh_token"], "rubbish", "a.b.c", forged, own_kind, token[:-2], token + "x"):
        assert await _refused(exchanging, wrong) == "invalid_request"
    for kind in ("urn:ietf:params:oauth:token-type:refresh_token", "urn:ietf:params:oauth:token-type:id_token", "x"):
        assert await _refused(exchanging, token, subject_token_type=kind) == "invalid_request"
    assert (
        await _refused(exchanging, token, requested_token_type="urn:ietf:params:oauth:token-type:refresh_token")
        == "invalid_request"
    )
    assert await _refused(exchanging, token, actor_token=token, actor_token_type=ACCESS_TOKEN) == "invalid_request"
    assert await _refused(exchanging, token, subject_token="") == "invalid_request"


@pytest.mark.parametrize("form", [{"resource": "https://unknown.example"}, {"audience": NOTES}, {"resource": "x"}])
async def test_a_target_that_is_unknown_or_named_twice(exchanging: Issuer, form: dict[str, str]) -> None:
    assert await _refused(exchanging, await _person(exchanging), **form) == "invalid_target"


async def test_an_audience_names_the_target_as_well(exchanging: Issuer) -> None:
    answer = await _exchange(exchanging, await _person(exchanging), resource="", audience=STOCK)

    assert claims_of(answer.json()["access_token"])["aud"] == STOCK
