"""Attacks on what is published: rows H14, H16, H17 and H27 of the project's checklist (RFC 8414, RFC 9700 section 4.13)."""

from __future__ import annotations

import re

import pytest

from auth_server.client_auth.registry import METHODS
from auth_server.grants.registry import GRANT_TYPES
from auth_server.grants.token_exchange import TOKEN_EXCHANGE
from shared import well_known
from shared.jose import ALGORITHMS
from shared.jwk import PRIVATE_MEMBERS, thumbprint
from tests.support.auth_app import ISSUER, Issuer

DOCUMENTS = [well_known.AUTHORIZATION_SERVER, well_known.OPENID_CONFIGURATION]
each_document = pytest.mark.parametrize("path", DOCUMENTS)


@each_document
@pytest.mark.parametrize("header", ["Host", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Prefix", "Forwarded"])
async def test_h14_no_header_changes_what_the_issuer_says_of_itself(issuer: Issuer, path: str, header: str) -> None:
    usual = await issuer.http.get(path)

    told = await issuer.http.get(path, headers={header: "evil.example"})

    assert told.content == usual.content
    urls = re.findall(r'"(https?://[^"]*)"', told.text)
    assert urls
    assert all(url == ISSUER or url.startswith(ISSUER + "/") for url in urls)


async def test_h14_what_the_server_says_to_a_visitor_is_about_the_issuer(issuer: Issuer) -> None:
    assert "evil.example" not in (await issuer.http.get("/", headers={"Host": "evil.example"})).text


@pytest.mark.parametrize(
    "header, value",
    [
        ("X-Forwarded-Proto", "http"),
        ("X-Forwarded-Host", "evil.example"),
        ("X-Forwarded-For", "127.0.0.1"),
        ("Forwarded", "for=127.0.0.1;proto=http;host=evil.example"),
        ("X-SSL-Client-Cert", "-----BEGIN CERTIFICATE-----"),
        ("X-Forwarded-Client-Cert", "Hash=00"),
        ("SSL-Client-Verify", "SUCCESS"),
    ],
)
async def test_h15_a_spoofed_proxy_header_has_no_effect(issuer: Issuer, header: str, value: str) -> None:
    """No proxy is trusted unless an operator names it, and no certificate is believed that a header brings."""
    spoofed = {header: value}
    for path in (well_known.OPENID_CONFIGURATION, well_known.JWKS):
        usual, told = await issuer.http.get(path), await issuer.http.get(path, headers=spoofed)
        assert (told.status_code, told.content) == (usual.status_code, usual.content)
    for client in ("app", None):
        form = {"grant_type": "client_credentials", "client_id": "app"}
        answer = await issuer.post("/token", form, client, spoofed)
        assert answer.status_code == (200 if client else 401)
    assert all('"ip":"192.0.2.7"' in line for line in issuer.log if '"event":"request"' in line)


async def test_h16_only_public_halves_are_published(issuer: Issuer) -> None:
    answer = await issuer.http.get(well_known.JWKS)

    assert answer.json()["keys"]
    for key in answer.json()["keys"]:
        assert not PRIVATE_MEMBERS & key.keys()
        assert (key["use"], key["kid"]) == ("sig", thumbprint(key))
        assert key["alg"] in ALGORITHMS


async def test_h16_the_key_set_is_cached_by_its_tag(issuer: Issuer) -> None:
    first = await issuer.http.get(well_known.JWKS)
    tag = first.headers["etag"]

    for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = await issuer.http.get(well_known.JWKS, headers={"If-None-Match": known})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == tag
        assert "content-length" not in again.headers
    assert (await issuer.http.get(well_known.JWKS, headers={"If-None-Match": '"other"'})).status_code == 200
    assert first.headers["cache-control"] == "public, max-age=300"
    assert first.headers["content-type"] == "application/jwk-set+json"


@each_document
async def test_h17_every_endpoint_that_is_named_answers(issuer: Issuer, path: str) -> None:
    document = (await issuer.http.get(path)).json()
    named = {name: url for name, url in document.items() if name.endswith("_endpoint") or name == "jwks_uri"}

    assert named.keys() >= {"token_endpoint", "revocation_endpoint", "jwks_uri"}
    for name, url in named.items():
        is_read = name in {"jwks_uri", "revocation_feed_endpoint"}
        answer = await issuer.http.get(url) if is_read else await issuer.http.post(url)
        # Userinfo wants a token first.
        assert answer.status_code == (200 if is_read else 401 if name == "userinfo_endpoint" else 400), name


@each_document
async def test_h17_every_list_equals_its_registry(issuer: Issuer, path: str) -> None:
    document = (await issuer.http.get(path)).json()
    methods = [method.method for method in METHODS]

    assert document["issuer"] == ISSUER
    # Off unless an operator switched it on, and then told.
    assert document["grant_types_supported"] == [grant for grant in GRANT_TYPES if grant != TOKEN_EXCHANGE]
    assert document["token_endpoint_auth_methods_supported"] == methods
    assert document["revocation_endpoint_auth_methods_supported"] == methods
    about_people = ["address", "email", "groups", "offline_access", "phone", "profile"]
    assert document["scopes_supported"] == ["openid", "notes:read", "notes:write", *about_people]
    assert document["response_types_supported"] == ["code"]
    assert document["code_challenge_methods_supported"] == ["S256"]


@each_document
async def test_h17_nothing_weak_is_offered(issuer: Issuer, path: str) -> None:
    document = (await issuer.http.get(path)).json()
    lists = {name: value for name, value in document.items() if isinstance(value, list)}

    for name, value in lists.items():
        assert not {"plain", "token", "implicit", "password", "HS256"} & set(value), name
        # A public client proves nothing, and a prompt may be none: neither is an algorithm.
        assert "none" not in value or name.endswith(("_endpoint_auth_methods_supported", "prompt_values_supported")), name


async def test_h17_both_documents_are_one(issuer: Issuer) -> None:
    one, other = [(await issuer.http.get(path)).content for path in DOCUMENTS]

    assert one == other


async def test_h17_the_timings_of_the_keys_are_told(issuer: Issuer) -> None:
    document = (await issuer.http.get(DOCUMENTS[0])).json()

    assert document["key_policy"] == issuer.services.settings.key_policy.to_metadata()


async def test_h17_a_scope_that_comes_and_goes_is_told(issuer: Issuer) -> None:
    await issuer.services.resources.delete("http://localhost:8001")

    assert (await issuer.http.get(DOCUMENTS[0])).json()["scopes_supported"] == [
        "openid",
        "address",
        "email",
        "groups",
        "offline_access",
        "phone",
        "profile",
    ]


@pytest.mark.parametrize("path", ["/token", "/revoke", well_known.JWKS, *DOCUMENTS, "/api/login", "/api/registration", "/"])
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
async def test_h27_no_other_origin_is_answered_with_credentials(issuer: Issuer, path: str, method: str) -> None:
    headers = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    answer = await issuer.http.request(method, path, headers=headers)

    assert "access-control-allow-credentials" not in answer.headers
    assert answer.headers.get("access-control-allow-origin") in (None, "*")
    if path.startswith("/api"):
        assert "access-control-allow-origin" not in answer.headers


async def test_no_path_answers_with_a_private_key(issuer: Issuer) -> None:
    """CVE-2024-42490: private keys were readable. What is sealed in the database must not leave it in any form."""
    private = [row["private_ref"] for row in issuer.rows("signing_key") if row["private_ref"]]
    paths = [
        "/",
        "/livez",
        "/readyz?verbose",
        "/healthz",
        "/version",
        "/data",
        "/auth_server.db",
        "/.env",
        *DOCUMENTS,
        well_known.JWKS,
    ]

    assert private
    for path in paths:
        body = (await issuer.http.get(path)).content
        assert b"PRIVATE KEY" not in body
        assert not any(sealed in body for sealed in private)
