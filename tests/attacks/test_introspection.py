"""Attacks on introspection: rows H01 to H03 and H07 of the project's checklist, incident 56 (RFC 7662)."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from auth_server.endpoints.registry import registration_rules
from auth_server.protocol.secret import Secret
from tests.support.assertions import a_party
from tests.support.auth_app import ISSUER, Issuer, basic
from tests.support.builders import NOTES, a_client, a_resource
from tests.support.keys import claims_of
from tests.support.registered import SECRETS, STOCK

INACTIVE = {"active": False}
CANARY = "canary-secret-of-stock-1a2b3c4d5e6f708192"


async def _ask(issuer: Issuer, token: str, client: str | None = "gateway", **form: str) -> httpx2.Response:
    return await issuer.post("/introspect", {"token": token, **form}, client)


async def _about(issuer: Issuer, token: str, client: str = "gateway") -> dict[str, Any]:
    answer = await _ask(issuer, token, client)
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    return dict(answer.json())


async def _signed_in(issuer: Issuer) -> dict[str, Any]:
    return dict((await issuer.login()).json())


async def test_a_resource_learns_of_a_token_for_it_what_the_token_says(any_issuer: Issuer) -> None:
    token = (await _signed_in(any_issuer))["access_token"]

    told = await _about(any_issuer, token)

    assert told == {"active": True, "token_type": "Bearer", **claims_of(token)}
    assert told["aud"] == NOTES


async def test_a_client_learns_of_its_own_tokens(issuer: Issuer) -> None:
    token = (await issuer.token("app", grant_type="client_credentials")).json()["access_token"]
    refresh_token = await issuer.family("app")

    assert (await _about(issuer, token, "app"))["active"] is True
    told = await _about(issuer, refresh_token, "app")
    assert (told["active"], told["client_id"], told["scope"], told["sub"]) == (True, "app", "notes:read", await issuer.sub())
    assert "token_type" not in told
    assert told["exp"] > issuer.clock.now()


async def test_the_metadata_say_where_it_is_and_that_a_name_alone_opens_nothing(issuer: Issuer) -> None:
    document = (await issuer.http.get("/.well-known/oauth-authorization-server")).json()

    assert document["introspection_endpoint"] == f"{ISSUER}/introspect"
    assert document["introspection_endpoint_auth_methods_supported"] == [
        "client_secret_basic", "client_secret_post", "private_key_jwt",
    ]  # fmt: skip


@pytest.mark.parametrize("client", [None, "spa", "first-party", "nobody"])
async def test_h01_introspection_by_anybody(issuer: Issuer, client: str | None) -> None:
    token = (await _signed_in(issuer))["access_token"]

    answer = await _ask(issuer, token, client)

    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert "sub" not in answer.json()
    assert answer.headers["cache-control"] == "no-store"


async def test_h01_with_a_wrong_secret_and_with_the_token_itself_as_a_proof(issuer: Issuer) -> None:
    token = (await _signed_in(issuer))["access_token"]
    for header in (basic("gateway", "wrong"), f"Bearer {token}"):
        answer = await issuer.http.post("/introspect", data={"token": token}, headers={"Authorization": header})
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


@pytest.mark.parametrize("row", ["H02", "56"])
async def test_h02_cve_56_introspection_of_another_audience_s_token(issuer: Issuer, row: str) -> None:
    await issuer.services.resources.create(a_resource(STOCK, scopes=("stock:read",), first_party=False))
    stock = a_client("stock-api", introspects=frozenset({STOCK}))
    await issuer.services.clients.register(stock, registration_rules(), Secret(CANARY))
    token = (await _signed_in(issuer))["access_token"]
    headers = {"Authorization": basic("stock-api", CANARY)}

    answer = await issuer.http.post("/introspect", data={"token": token}, headers=headers)
    assert (answer.status_code, answer.json()) == (200, INACTIVE)
    for other in ("app", "machine", "other"):
        assert await _about(issuer, token, other) == INACTIVE


async def test_h02_a_refresh_token_is_shown_to_its_own_client_alone(issuer: Issuer) -> None:
    refresh_token = await issuer.family("app")

    for other in ("other", "gateway"):
        assert await _about(issuer, refresh_token, other) == INACTIVE


async def test_h03_introspection_of_rubbish(issuer: Issuer) -> None:
    token = (await _signed_in(issuer))["access_token"]
    header, payload, signature = token.split(".")
    forged = a_party("thief").sign(claims_of(token), typ="at+jwt")
    for rubbish in (
        "x", "a.b.c", "..", "é.é.é", "x" * 9_000, f"{header}.{payload}.", f"{header}.{payload}.{signature[:-4]}", forged,
        token + "x", token[:-1], "srt_AAAA", SECRETS["app"],
    ):  # fmt: skip
        assert await _about(issuer, rubbish) == INACTIVE, rubbish


async def test_h03_introspection_of_what_expired(issuer: Issuer) -> None:
    token = (await _signed_in(issuer))["access_token"]
    refresh_token = await issuer.family("app")

    await issuer.advance(600)
    assert await _about(issuer, token) == INACTIVE
    await issuer.advance(15 * 86_400)
    assert await _about(issuer, refresh_token, "app") == INACTIVE


@pytest.mark.parametrize("how", ["session", "account", "client", "family"])
async def test_h03_introspection_of_what_was_revoked(any_issuer: Issuer, how: str) -> None:
    issuer, services = any_issuer, any_issuer.services
    signed_in = await _signed_in(issuer)
    token, claims = signed_in["access_token"], claims_of(signed_in["access_token"])
    own = (await issuer.token("app", grant_type="client_credentials")).json()["access_token"]
    if how == "session":
        await services.sessions.end(claims["sid"], "signed_out")
    elif how == "account":
        await services.administration.disable(claims["sub"], "test")
    elif how == "family":
        assert (await issuer.post("/revoke", {"token": signed_in["refresh_token"]}, "first-party")).status_code == 200
    else:
        token = own
        await services.clients.disable("app")

    assert await _about(issuer, token) == INACTIVE


async def test_h07_revocation_reaches_the_family(any_issuer: Issuer) -> None:
    signed_in = await _signed_in(any_issuer)
    refresh_token = signed_in["refresh_token"]
    await any_issuer.post("/revoke", {"token": refresh_token, "token_type_hint": "access_token"}, "first-party")

    refused = await any_issuer.refresh(refresh_token, "first-party")
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
    assert await _about(any_issuer, signed_in["access_token"]) == INACTIVE


async def test_asking_about_a_reused_refresh_token_does_not_end_its_family(issuer: Issuer) -> None:
    """A question is no use: it changes nothing, also where the use itself would."""
    client = a_client("rotating", rotates_refresh_tokens=True)
    await issuer.services.clients.register(client, registration_rules(), Secret(CANARY))
    await issuer.services.freshness.poll()
    headers = {"Authorization": basic("rotating", CANARY)}
    tokens = [await issuer.family("rotating")]
    for _ in range(2):
        await issuer.advance(40)
        form = {"grant_type": "refresh_token", "refresh_token": tokens[-1]}
        tokens.append((await issuer.http.post("/token", data=form, headers=headers)).json()["refresh_token"])
    await issuer.advance(700)
    before = issuer.dump()

    old = await issuer.http.post("/introspect", data={"token": tokens[0]}, headers=headers)
    new = await issuer.http.post("/introspect", data={"token": tokens[-1]}, headers=headers)

    assert old.json() == INACTIVE
    assert new.json()["active"] is True
    assert issuer.dump() == before


async def test_a_token_hint_is_a_hint(issuer: Issuer) -> None:
    token = (await _signed_in(issuer))["access_token"]

    for hint in ("refresh_token", "access_token", "made_up"):
        assert (await _ask(issuer, token, token_type_hint=hint)).json()["active"] is True


async def test_a_question_without_a_token_or_by_get(issuer: Issuer) -> None:
    assert (await issuer.post("/introspect", {}, "gateway")).json()["error"] == "invalid_request"
    assert (await issuer.http.get("/introspect")).status_code == 405
