"""The seed flow: a password, once, for tokens of the built-in client."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.auth_app import Issuer, running
from tests.support.builders import NOTES, a_resource
from tests.support.databases import Database
from tests.support.keys import claims_of

OTHER = "https://other.example"


async def test_a_sign_in_answers_with_the_token_response(any_issuer: Issuer) -> None:
    """RFC 6749 section 5.1."""
    answer = await any_issuer.login()

    assert answer.status_code == 200, answer.text
    assert answer.json().keys() == {"access_token", "token_type", "expires_in", "refresh_token", "scope"}
    assert (answer.json()["token_type"], answer.json()["expires_in"]) == ("Bearer", 600)
    assert answer.headers["cache-control"] == "no-store"


async def test_the_token_says_who_signed_in_when_and_how(issuer: Issuer) -> None:
    claims = claims_of((await issuer.login()).json()["access_token"])

    assert claims["sub"] == await issuer.sub()
    assert (claims["aud"], claims["client_id"], claims["scope"]) == (NOTES, "first-party", "notes:read notes:write")
    assert (claims["auth_time"], claims["amr"]) == (issuer.clock.now(), ["pwd"])
    (session,) = issuer.rows("session")
    assert claims["sid"] == session["sid"]
    assert (claims["roles"], claims["entitlements"]) == (["editor"], ["notes:read", "notes:write"])


async def test_a_scope_that_needs_a_permission_is_cut_for_who_lacks_it(issuer: Issuer) -> None:
    answer = await issuer.login("bob")

    assert answer.json()["scope"] == "notes:read"
    refused = await issuer.login("bob", scope="notes:write")
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_scope")


async def test_scope_and_resource_may_be_asked_for(issuer: Issuer) -> None:
    await issuer.services.resources.create(a_resource(OTHER, scopes=["other:read"], requires={}))

    by_resource = (await issuer.login(resource=OTHER)).json()
    by_scope = (await issuer.login(scope="other:read")).json()

    assert claims_of(by_resource["access_token"])["aud"] == claims_of(by_scope["access_token"])["aud"] == OTHER


@pytest.mark.parametrize("resource", ["https://unknown.example", "relative", NOTES + "//"])
async def test_another_resource_is_refused_before_the_password_is_looked_at(issuer: Issuer, resource: str) -> None:
    before = issuer.dump()

    answer = await issuer.login(resource=resource)

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_target")
    assert issuer.dump() == before


async def test_with_several_resources_the_default_is_the_servers(issuer_database: Database, tmp_path: Path) -> None:
    async with running(issuer_database, tmp_path, {"DEFAULT_RESOURCE": OTHER}) as issuer:
        await issuer.services.resources.create(a_resource(OTHER, scopes=["other:read"], requires={}))

        assert claims_of((await issuer.login()).json()["access_token"])["aud"] == OTHER


async def test_a_resource_of_other_clients_alone_is_not_for_the_built_in_one(issuer: Issuer) -> None:
    await issuer.services.resources.create(a_resource(OTHER, scopes=["other:read"], requires={}, first_party=False))

    assert (await issuer.login(resource=OTHER)).json()["error"] == "invalid_target"
    assert claims_of((await issuer.login()).json()["access_token"])["aud"] == NOTES


@pytest.mark.parametrize(
    "body, status, error",
    [
        ({}, 400, "invalid_request"),
        ({"username": "alice"}, 400, "invalid_request"),
        ({"username": "", "password": "x"}, 400, "invalid_request"),
        ({"username": ["alice"], "password": "x"}, 400, "invalid_request"),
        ({"username": "alice", "password": "x", "scope": 'no"tes'}, 400, "invalid_scope"),
        ({"username": "alice", "password": "x", "scope": ["notes:read"]}, 400, "invalid_request"),
        ({"username": "alice", "password": "x", "transport": "carrier pigeon"}, 400, "invalid_request"),
        ({"username": "alice", "password": "x", "transport": ["cookie"]}, 400, "invalid_request"),
        ({"username": "alice", "password": "wrong"}, 401, "invalid_credentials"),
        ({"username": "nobody", "password": "wrong"}, 401, "invalid_credentials"),
    ],
)
async def test_what_is_wrong_is_told_by_a_code(issuer: Issuer, body: dict[str, object], status: int, error: str) -> None:
    answer = await issuer.http.post("/api/login", json=body)

    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert answer.headers["cache-control"] == "no-store"


async def test_the_known_device_is_marked_by_a_cookie_that_no_script_reads(issuer: Issuer) -> None:
    cookie = (await issuer.login()).headers["set-cookie"]

    assert cookie.startswith("dev=")
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "set-cookie" not in (await issuer.login(password="wrong")).headers


async def test_over_https_the_cookie_is_pinned_to_the_host(issuer_database: Database, tmp_path: Path) -> None:
    async with running(issuer_database, tmp_path, {"ISSUER": "https://id.example"}) as issuer:
        cookie = (await issuer.login()).headers["set-cookie"]

    assert cookie.startswith("__Host-dev=")
    assert cookie.endswith("; Secure")
