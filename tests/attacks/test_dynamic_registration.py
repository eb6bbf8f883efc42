"""Attacks on registration: rows H22 to H26 and G04 of the project's checklist (RFC 7591, RFC 7592)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.assertions import a_party, shown
from tests.support.auth_app import ISSUER, Issuer, basic, running
from tests.support.databases import Database

APP = {"redirect_uris": ["https://agent.example/cb"], "client_name": "An agent"}
INSIDE = ("http://127.0.0.1:9/", "http://169.254.169.254/", "https://127.0.0.1/", "https://169.254.169.254/latest", "https://[::1]/",
          "https://localhost/", "https://db/", "file:///etc/passwd", "https://a.example:8443/")  # fmt: skip


@pytest.fixture
async def open_issuer(issuer_database: Database, tmp_path: Path) -> AsyncIterator[Issuer]:
    """An auth server where anybody may register."""
    async with running(issuer_database, tmp_path, {"DYNAMIC_REGISTRATION": "open"}) as issuer:
        yield issuer


@pytest.fixture
async def guarded(any_issuer_database: Database, tmp_path: Path) -> AsyncIterator[Issuer]:
    """An auth server where an initial access token is asked for."""
    async with running(any_issuer_database, tmp_path, {"DYNAMIC_REGISTRATION": "token"}) as issuer:
        yield issuer


async def _register(issuer: Issuer, document: Any, token: str | None = None) -> httpx2.Response:
    return await issuer.http.post("/register", json=document, headers=_bearer(token))


def _bearer(token: str | None) -> dict[str, str]:
    return {} if token is None else {"Authorization": f"Bearer {token}"}


async def test_a_client_registers_and_manages_itself(open_issuer: Issuer) -> None:
    answer = await _register(open_issuer, APP)
    made = answer.json()
    assert (answer.status_code, answer.headers["cache-control"]) == (201, "no-store")
    assert made["registration_client_uri"] == f"{ISSUER}/register/{made['client_id']}"
    assert made["client_secret_expires_at"] == 0
    assert {name: made[name] for name in APP} == APP
    assert made["grant_types"] == ["authorization_code"]

    uri, token = made["registration_client_uri"], made["registration_access_token"]
    shown_again = (await open_issuer.http.get(uri, headers=_bearer(token))).json()
    assert "client_secret" not in shown_again
    assert shown_again["redirect_uris"] == APP["redirect_uris"]

    changed = await open_issuer.http.put(
        uri,
        headers=_bearer(token),
        json={
            "client_id": made["client_id"],
            "client_secret": made["client_secret"],
            "redirect_uris": ["https://agent.example/2"],
        },
    )
    assert (changed.status_code, changed.json()["redirect_uris"]) == (200, ["https://agent.example/2"])
    client = await open_issuer.services.clients.find_anew(made["client_id"])
    assert client is not None
    assert (client.is_dynamic, client.is_unverified, client.redirect_uris) == (True, True, ("https://agent.example/2",))
    secret = {"Authorization": basic(made["client_id"], made["client_secret"])}
    refused = await open_issuer.http.post("/token", data={"grant_type": "client_credentials"}, headers=secret)
    assert refused.json()["error"] == "unauthorized_client"  # it proved itself; acting for itself is not for it

    assert (await open_issuer.http.delete(uri, headers=_bearer(token))).status_code == 204
    assert (await open_issuer.http.get(uri, headers=_bearer(token))).status_code == 401
    assert await open_issuer.services.clients.find_anew(made["client_id"]) is None


@pytest.mark.parametrize("method", ["none", "client_secret_post", "private_key_jwt"])
async def test_a_client_chooses_how_it_proves_itself(open_issuer: Issuer, method: str) -> None:
    keys = {"jwks": {"keys": [a_party().jwk]}} if method == "private_key_jwt" else {}
    made = (await _register(open_issuer, APP | {"token_endpoint_auth_method": method} | keys)).json()

    assert made["token_endpoint_auth_method"] == method
    assert ("client_secret" in made) is (method == "client_secret_post")
    form = {"grant_type": "authorization_code", "code": "x", "redirect_uri": "https://agent.example/cb"}
    if method == "private_key_jwt":
        form |= shown(a_party().assertion(made["client_id"]))
    else:
        form |= {name: made[name] for name in ("client_id", "client_secret") if name in made}
    # Whatever the grant says of that code: the client proved itself.
    assert (await open_issuer.http.post("/token", data=form)).status_code == 400


async def test_it_is_off_unless_an_operator_switched_it_on(issuer: Issuer) -> None:
    assert (await _register(issuer, APP)).status_code == 404
    assert "registration_endpoint" not in (await issuer.http.get("/.well-known/openid-configuration")).json()


async def test_the_metadata_say_where_it_is(open_issuer: Issuer) -> None:
    document = (await open_issuer.http.get("/.well-known/oauth-authorization-server")).json()

    assert document["registration_endpoint"] == f"{ISSUER}/register"


async def test_h22_registration_by_anybody(guarded: Issuer) -> None:
    registrations = guarded.services.other_grants.registrations
    bare = await _register(guarded, APP)
    assert (bare.status_code, bare.headers["www-authenticate"]) == (401, "Bearer")

    access_token = (await guarded.token("app", grant_type="client_credentials")).json()["access_token"]
    for token in ("made-up", access_token, "x" * 5_000):
        answer = await _register(guarded, APP, token)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith('Bearer error="invalid_token"')

    made, token = await registrations.create_initial_token("ci", 2, 60)
    # A registration that is refused does not use the token up.
    assert (await _register(guarded, {"redirect_uris": ["http://evil.example/"]}, token.reveal())).status_code == 400
    assert (await _register(guarded, APP, token.reveal())).status_code == 201
    assert [each.uses_left for each in await registrations.initial_tokens()] == [1]
    await guarded.advance(60)
    assert (await _register(guarded, APP, token.reveal())).status_code == 401
    assert await registrations.revoke_initial_token(made.id)
    assert guarded.events("client.registered")


async def test_h22_parallel_registrations_do_not_outrun_the_uses_of_a_token(guarded: Issuer) -> None:
    _, token = await guarded.services.other_grants.registrations.create_initial_token("ci", 3, 60)

    answers = await asyncio.gather(*(_register(guarded, APP, token.reveal()) for _ in range(12)))

    assert sorted(a.status_code for a in answers) == [201] * 3 + [401] * 9


@pytest.mark.parametrize("member", ["jwks_uri", "sector_identifier_uri", "logo_uri", "client_uri", "policy_uri", "tos_uri",
                                    "backchannel_logout_uri"])  # fmt: skip
async def test_h23_registration_as_ssrf(open_issuer: Issuer, member: str) -> None:
    for url in INSIDE:
        answer = await _register(open_issuer, APP | {member: url, "token_endpoint_auth_method": "none"})
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_client_metadata"), url
    assert open_issuer.services.outbound._network.looked_up == []  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "uri",
    [
        "javascript:alert(1)", "data:text/html,x", "https://app.example/cb#f", "https://app.example/cb#", "http://app.example/cb",
        "https://*.example/cb", "https://app.example/*", "vbscript:x", "file:///x", "https://user@app.example/cb", "https:///cb",
        "https://app.example\\@evil.example/", "https://app.example/\n", "//app.example/cb", "cb", "", "about:blank", "blob:x",
        "https://app.example/" + "x" * 2_048, 1, None, "https://é.example/cb",
    ],
)  # fmt: skip
async def test_h24_registration_of_bad_redirect_uris(open_issuer: Issuer, uri: object) -> None:
    answer = await _register(open_issuer, {"redirect_uris": [uri]})

    expected = "invalid_redirect_uri" if isinstance(uri, str) and uri else "invalid_client_metadata"
    assert (answer.status_code, answer.json()["error"]) == (400, expected)


@pytest.mark.parametrize("uris", [None, [], [f"https://a.example/{n}" for n in range(11)]])
async def test_h24_none_or_too_many(open_issuer: Issuer, uris: object) -> None:
    answer = await _register(open_issuer, {"redirect_uris": uris})

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_redirect_uri")


@pytest.mark.parametrize(
    "weak",
    [
        {"token_endpoint_auth_method": "x"}, {"token_endpoint_auth_method": "client_secret_jwt"}, {"token_endpoint_auth_method": 1},
        {"id_token_signed_response_alg": "none"}, {"id_token_signed_response_alg": "HS256"}, {"id_token_signed_response_alg": "ES256"},
        {"grant_types": ["password"]}, {"grant_types": ["implicit"]}, {"grant_types": "authorization_code"},
        {"grant_types": ["client_credentials"]}, {"grant_types": ["urn:ietf:params:oauth:grant-type:token-exchange"]},
        {"grant_types": ["urn:ietf:params:oauth:grant-type:jwt-bearer"]}, {"response_types": ["token"]},
        {"response_types": ["code id_token"]}, {"token_endpoint_auth_method": "private_key_jwt"},
        {"jwks": {"keys": [{"kty": "oct", "k": "AA"}]}, "token_endpoint_auth_method": "private_key_jwt"}, {"jwks": "x"},
        {"token_endpoint_auth_signing_alg": "HS256"}, {"subject_type": "x"}, {"scope": 'a"b'}, {"scope": ["a"]},
        {"client_name": ""}, {"client_name": "x" * 101}, {"client_name": "a\nb"}, {"client_name": ["x"]},
        {"request_object_signing_alg": "none"},
    ],
)  # fmt: skip
async def test_h25_registration_of_weak_choices(open_issuer: Issuer, weak: dict[str, Any]) -> None:
    answer = await _register(open_issuer, APP | weak)

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_client_metadata")


async def test_h26_the_registration_token_of_another_client(open_issuer: Issuer) -> None:
    first, second = (await _register(open_issuer, APP)).json(), (await _register(open_issuer, APP)).json()
    body = APP | {"client_id": first["client_id"]}
    access_token = (await open_issuer.token("app", grant_type="client_credentials")).json()["access_token"]

    for token in (second["registration_access_token"], "made-up", first["client_secret"], access_token):
        for ask in (
            open_issuer.http.get(first["registration_client_uri"], headers=_bearer(token)),
            open_issuer.http.put(first["registration_client_uri"], headers=_bearer(token), json=body),
            open_issuer.http.delete(first["registration_client_uri"], headers=_bearer(token)),
        ):
            answer = await ask
            assert (answer.status_code, answer.json()["error"]) == (401, "invalid_token")
    assert (await open_issuer.http.get(first["registration_client_uri"])).headers["www-authenticate"] == "Bearer"
    for other in ("app", "spa", "first-party", "nobody"):
        unknown = await open_issuer.http.get(f"{ISSUER}/register/{other}", headers=_bearer(first["registration_access_token"]))
        assert unknown.status_code == 401
    own = _bearer(first["registration_access_token"])
    assert (await open_issuer.http.get(first["registration_client_uri"], headers=own)).status_code == 200


async def test_h26_a_client_cannot_make_itself_another_one(open_issuer: Issuer) -> None:
    made = (await _register(open_issuer, APP)).json()
    own = _bearer(made["registration_access_token"])
    for body in (
        APP,
        APP | {"client_id": "app"},
        APP | {"client_id": made["client_id"], "client_secret": "another"},
        APP | {"client_id": made["client_id"], "token_endpoint_auth_method": "none"},
    ):
        answer = await open_issuer.http.put(made["registration_client_uri"], headers=own, json=body)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_client_metadata")


async def test_g04_a_client_named_like_a_user(open_issuer: Issuer) -> None:
    subject = await open_issuer.sub("alice")
    answer = await _register(open_issuer, APP | {"client_id": subject, "client_id_issued_at": 1, "client_secret": "mine"})

    made = answer.json()
    assert answer.status_code == 201
    assert made["client_id"] not in (subject, "mine")
    assert len(made["client_id"]) != 22
    assert made["client_secret"] != "mine"


async def test_what_a_client_may_not_choose_is_not_believed(open_issuer: Issuer) -> None:
    wishes = {"is_dynamic": False, "requires_pkce": False, "asks_for_consent": False, "introspects": ["x"], "exchange": {}}
    made = (await _register(open_issuer, APP | wishes | {"scope": "notes:read admin account openid"})).json()
    client = await open_issuer.services.clients.find_anew(made["client_id"])

    assert client is not None
    assert (client.requires_pkce, client.asks_for_consent, client.introspects, client.exchange) == (True, True, frozenset(), None)
    assert client.scope == {"notes:read", "openid"}


@pytest.mark.parametrize("body", ["[]", "1", '"x"', "{", '{"a":1,"a":2}', "", "null"])
async def test_what_is_no_registration(open_issuer: Issuer, body: str) -> None:
    headers = {"Content-Type": "application/json"}
    assert (await open_issuer.http.post("/register", content=body, headers=headers)).status_code == 400
    form = await open_issuer.http.post("/register", data={"redirect_uris": "https://a.example/"})
    assert form.status_code == 415


async def test_one_address_cannot_fill_the_table(open_issuer: Issuer) -> None:
    answers = [await _register(open_issuer, APP) for _ in range(12)]

    assert [a.status_code for a in answers] == [201] * 10 + [429] * 2
    assert int(answers[-1].headers["retry-after"]) >= 1
    assert (await open_issuer.client_at("198.51.100.9").post("/register", json=APP)).status_code == 201


async def test_clients_that_nobody_uses_are_collected_and_others_stay(any_issuer_database: Database, tmp_path: Path) -> None:
    settings = {"DYNAMIC_REGISTRATION": "open", "REGISTRATION_UNUSED_AFTER": str(30 * 86_400)}
    async with running(any_issuer_database, tmp_path, settings) as issuer:
        registrations = issuer.services.other_grants.registrations
        used, idle = (await _register(issuer, APP)).json(), (await _register(issuer, APP)).json()

        async def uses(client: dict[str, Any]) -> None:
            issuer.services.other_grants.client_uses._noted.clear()
            form = {"grant_type": "refresh_token", "refresh_token": "x"}
            headers = {"Authorization": basic(client["client_id"], client["client_secret"])}
            assert (await issuer.http.post("/token", data=form, headers=headers)).status_code == 400

        await issuer.advance(60)
        await uses(used)
        await issuer.advance(86_400)
        assert await registrations.collect() == 1  # never used within a day
        assert await issuer.services.clients.find_anew(idle["client_id"]) is None
        await issuer.advance(29 * 86_400)
        await uses(used)
        await issuer.advance(29 * 86_400)
        assert await registrations.collect() == 0
        await issuer.advance(86_401)
        assert await registrations.collect() == 1
        assert await issuer.services.clients.find_anew("app") is not None
        assert [e["actor"] for e in issuer.events("client.deleted")] == ["job", "job"]


async def test_no_token_or_secret_of_a_registration_is_stored_or_logged(open_issuer: Issuer) -> None:
    made = (await _register(open_issuer, APP)).json()
    _, token = await open_issuer.services.other_grants.registrations.create_initial_token("ci", 1, 60)
    await _register(open_issuer, APP, token.reveal())

    everything = f"{open_issuer.dump()}{open_issuer.log}"
    for secret in (made["client_secret"], made["registration_access_token"], token.reveal()):
        assert secret not in everything
