"""`/openapi.json` says what is so: the table is held against the doors, the schemas against real answers, the document against OpenAPI."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from auth_server.api.openapi import path_of
from auth_server.api.operations import OPERATIONS
from auth_server.api.schemas import SCHEMAS
from auth_server.api.signal_operations import SIGNAL_OPERATIONS
from auth_server.interaction.asset_page import Asset, ChangePassword
from auth_server.web.door import Door
from auth_server.web.page_door import PageDoor
from tests.support.auth_app import ISSUER, Issuer, running
from tests.support.databases import Database
from tests.support.receivers import ON
from tests.support.registered import PASSWORDS, SECRETS


def _is_for_software(door: Door) -> bool:
    return not isinstance(door, (PageDoor, Asset, ChangePassword))


async def _document(issuer: Issuer) -> Any:
    answer = await issuer.http.get("/openapi.json")
    assert answer.headers["content-type"] == "application/json"
    return answer.json()


async def test_each_door_for_software_is_described_with_exactly_its_methods(issuer: Issuer) -> None:
    doors = {(method, path_of(door)) for door in issuer.app.doors if _is_for_software(door) for method in door.methods}
    document = await _document(issuer)
    described = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}

    assert described == doors
    # What is switched off here is all that the table has beyond.
    beyond = {(row.method, row.path) for row in OPERATIONS} - doors
    signals = {row.path for row in SIGNAL_OPERATIONS}
    assert {path for _, path in beyond} <= {"/register", "/register/{client_id}"} | signals


async def test_the_document_is_whole(issuer: Issuer) -> None:
    document = await _document(issuer)
    text = json.dumps(document)

    assert (document["openapi"], document["servers"]) == ("3.1.0", [{"url": ISSUER}])
    names = [operation["operationId"] for methods in document["paths"].values() for operation in methods.values()]
    assert len(names) == len(set(names))
    for schema in SCHEMAS.values():
        Draft202012Validator.check_schema(schema)
    referred = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert referred <= set(SCHEMAS)
    schemes = {
        name
        for methods in document["paths"].values()
        for op in methods.values()
        for one in op.get("security", ())
        for name in one
    }
    assert schemes <= set(document["components"]["securitySchemes"])


async def _hold(issuer: Issuer, method: str, path: str, template: str | None = None, **sent: Any) -> Any:
    """Call, and hold the answer against what the description says of that status."""
    document = await _document(issuer)
    answer = await issuer.http.request(method, path, **sent)
    responses = document["paths"][template or path][method.lower()]["responses"]
    assert str(answer.status_code) in responses, (method, path, answer.status_code, answer.text)
    content = responses[str(answer.status_code)].get("content")
    # RFC 6750 section 3.1: whoever sent no token at all hears nothing but the challenge.
    is_bare = answer.headers.get("www-authenticate") == "Bearer" and not answer.content
    if content is not None and not is_bare:
        schema = content["application/json"]["schema"] | {"components": document["components"]}
        Draft202012Validator(schema).validate(answer.json())
    return answer


_BASIC = {"auth": ("machine", SECRETS["machine"])}


@pytest.mark.parametrize(
    "method, path, sent, status",
    [
        ("GET", "/", {}, 200),
        ("GET", "/livez", {}, 200),
        ("GET", "/readyz", {}, 200),
        ("GET", "/version", {}, 200),
        ("GET", "/.well-known/jwks.json", {}, 200),
        ("GET", "/.well-known/openid-configuration", {}, 200),
        ("GET", "/.well-known/oauth-authorization-server", {}, 200),
        ("GET", "/api/me", {}, 401),
        ("GET", "/userinfo", {}, 401),
        ("POST", "/api/login", {"json": {"username": "alice", "password": "wrong"}}, 401),
        ("POST", "/api/login", {"json": {"username": "alice", "password": PASSWORDS["alice"]}}, 200),
        ("POST", "/api/login", {"json": {"username": "alice", "password": PASSWORDS["alice"], "transport": "cookie"}}, 200),
        ("POST", "/api/registration", {"json": {"username": "carol", "email": "carol@a.example", "password": "short"}}, 422),
        ("POST", "/token", {"data": {"grant_type": "client_credentials"}, **_BASIC}, 200),
        ("POST", "/token", {"data": {"grant_type": "unknown"}, **_BASIC}, 400),
        ("POST", "/introspect", {"data": {"token": "x"}, **_BASIC}, 200),
        ("POST", "/revoke", {"data": {"token": "x"}, **_BASIC}, 200),
        ("POST", "/device_authorization", {"data": {"client_id": "tv", "scope": "notes:read"}}, 200),
        ("GET", "/authorize", {}, 400),
        ("GET", "/end_session", {}, 303),
    ],
)
async def test_what_is_answered_is_what_is_described(issuer: Issuer, method: str, path: str, sent: Any, status: int) -> None:
    assert (await _hold(issuer, method, path, **sent)).status_code == status


async def test_shared_signals_are_described_where_they_are_switched_on(issuer_database: Database, tmp_path: Path) -> None:
    async with running(issuer_database, tmp_path, ON) as transmitter:
        document = await _document(transmitter)
        signals = {(row.method, row.path) for row in SIGNAL_OPERATIONS}
        doors = {(method, path_of(door)) for door in transmitter.app.doors for method in door.methods}

        assert {(method.upper(), path) for path, methods in document["paths"].items() for method in methods} >= signals
        assert signals == {(method, path) for method, path in doors if "/ssf" in path}
        sent = {"auth": ("gateway", SECRETS["gateway"])}
        made = (await _hold(transmitter, "POST", "/ssf/streams", json={}, **sent)).json()["stream_id"]
        await _hold(transmitter, "GET", "/ssf/streams", **sent)
        await _hold(transmitter, "GET", "/ssf/status", params={"stream_id": made}, **sent)
        await _hold(transmitter, "GET", "/ssf/status", params={"stream_id": "x"}, **sent)
        await _hold(transmitter, "POST", "/ssf/verify", json={"stream_id": made}, **sent)
        polled = {"json": {"returnImmediately": True}, **sent}
        await _hold(transmitter, "POST", f"/ssf/poll/{made}", "/ssf/poll/{stream_id}", **polled)
        await _hold(transmitter, "GET", "/.well-known/ssf-configuration")


async def test_ones_own_account_is_answered_as_described(issuer: Issuer) -> None:
    asked = {"username": "alice", "password": PASSWORDS["alice"], "scope": "account", "resource": ISSUER}
    token = (await _hold(issuer, "POST", "/api/login", json=asked)).json()["access_token"]
    bearer = {"headers": {"authorization": f"Bearer {token}"}}

    assert (await _hold(issuer, "GET", "/api/me", **bearer)).json()["username"] == "alice"
    assert (await _hold(issuer, "GET", "/api/me/sessions", **bearer)).json()["sessions"]
    assert (await _hold(issuer, "GET", "/api/me/consents", **bearer)).status_code == 200
    assert (await _hold(issuer, "PATCH", "/api/me", json={"locale": "de"}, **bearer)).json()["locale"] == "de"
    gone = await _hold(issuer, "DELETE", "/api/me/sessions/none", "/api/me/sessions/{sid}", **bearer)
    assert gone.status_code == 404


async def test_the_page_shows_every_call_without_a_script(issuer: Issuer) -> None:
    page = await issuer.http.get("/api-docs")
    document = await _document(issuer)

    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "<script" not in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert len(page.content) < 30_000
    for path, methods in document["paths"].items():
        for method in methods:
            assert f"<strong>{method.upper()}</strong> <bdi>{path}</bdi>" in page.text
