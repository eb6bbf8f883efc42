"""Attacks on the token endpoint: rows D10 to D22 of the project's checklist, and input of every odd kind.

The rows are out of RFC 9700 (sections 2.1.1, 2.4, 4.5, 4.8) and RFC 6749 section 5.2.
"""

from __future__ import annotations

import ast
import json
import time
from pathlib import Path
from typing import Any

import httpx2
import pytest

import auth_server
from tests.support.answers import FORM, assert_refused
from tests.support.auth_app import Issuer, basic, running
from tests.support.builders import NOTES, a_resource
from tests.support.databases import Database
from tests.support.keys import claims_of
from tests.support.registered import PASSWORDS, SECRETS

APP = {"Authorization": basic("app", SECRETS["app"])}


async def _raw(issuer: Issuer, body: bytes, path: str = "/token", **headers: str) -> httpx2.Response:
    return await issuer.http.post(path, content=body, headers={**FORM, **APP, **headers})


@pytest.mark.parametrize(
    "row, body",
    [
        ("D10", b"grant_type=refresh_token&refresh_token=a&refresh_token=b"),
        ("D10", b"grant_type=client_credentials&grant_type=client_credentials"),
        ("D10", b"grant_type=client_credentials&client_id=app&client_id=app"),
        ("D10", b"grant_type=client_credentials&scope=notes:read&scope=notes:write"),
        ("D10", b"grant_type=client_credentials&resource=a&resource=b"),
        ("D11", b"scope=notes:read"),
        ("D11", b"grant_type=&scope=notes:read"),
        ("D11", b""),
    ],
)
async def test_a_parameter_twice_or_a_missing_one(issuer: Issuer, row: str, body: bytes) -> None:
    assert_refused(await _raw(issuer, body), "invalid_request", status=400)


@pytest.mark.parametrize(
    "grant_type", ["urn:example:x", "CLIENT_CREDENTIALS", "client_credentials ", "Authorization_code", "implicit"]
)
async def test_d12_an_unknown_grant_type(issuer: Issuer, grant_type: str) -> None:
    assert_refused(await issuer.token(grant_type=grant_type), "unsupported_grant_type", status=400)


async def test_d13_the_password_grant_does_not_exist_even_with_the_right_password(issuer: Issuer) -> None:
    for client in ("first-party", "spa", "app"):
        answer = await issuer.token(client, grant_type="password", username="alice", password=PASSWORDS["alice"])
        assert_refused(answer, "unsupported_grant_type", status=400)


async def test_d14_a_grant_the_client_does_not_have(issuer: Issuer) -> None:
    assert_refused(await issuer.token("spa", grant_type="client_credentials"), "unauthorized_client", status=400)


@pytest.mark.parametrize("content_type", ["application/json", "multipart/form-data; boundary=x", "text/plain", ""])
async def test_d15_json_instead_of_a_form(issuer: Issuer, content_type: str) -> None:
    body = json.dumps({"grant_type": "client_credentials"}).encode()

    assert_refused(await _raw(issuer, body, **{"Content-Type": content_type}), "invalid_request", status=400)


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH"])
async def test_d16_another_method(issuer: Issuer, method: str) -> None:
    answer = await issuer.http.request(method, "/token?grant_type=client_credentials", headers=APP)

    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert "access_token" not in answer.text


@pytest.mark.parametrize("body", [b"", b"grant_type=client_credentials"])
async def test_d17_secrets_in_the_address(issuer: Issuer, body: bytes) -> None:
    query = f"?grant_type=client_credentials&client_id=poster&client_secret={SECRETS['poster']}"
    answer = await issuer.http.post("/token" + query, content=body, headers=FORM)

    assert_refused(answer, "invalid_request", status=400)
    assert not any(SECRETS["poster"] in line for line in issuer.log)


@pytest.mark.parametrize(
    "value, status, error",
    [
        (b"%00", 400, "invalid_request"),
        (b"%ff", 400, "invalid_request"),
        (b"\xff", 400, "invalid_request"),
        (b"", 400, "invalid_request"),
        (b"x" * 1_000_000, 413, "invalid_request"),
        (b"%C3%A4" * 100, 400, "invalid_grant"),
        (b"rt1_" + b"A" * 92, 400, "invalid_grant"),
    ],
)
async def test_d19_odd_bytes(issuer: Issuer, value: bytes, status: int, error: str) -> None:
    before = issuer.dump()

    assert_refused(await _raw(issuer, b"grant_type=refresh_token&refresh_token=" + value), error, status=status)

    assert issuer.dump() == before


async def test_d20_neither_tokens_nor_refusals_are_kept(issuer: Issuer) -> None:
    granted, refused = await issuer.token(grant_type="client_credentials"), await issuer.token(grant_type="x")

    assert (granted.status_code, refused.status_code) == (200, 400)
    assert granted.headers["cache-control"] == refused.headers["cache-control"] == "no-store"


async def test_d22_nothing_secret_is_in_the_log(issuer: Issuer) -> None:
    refresh_token = await issuer.family("poster")
    answers = [
        await issuer.token(grant_type="client_credentials"),
        await issuer.refresh(refresh_token, "poster"),
        await issuer.refresh(refresh_token + "x", "poster"),
        await issuer.refresh(refresh_token, "app"),
    ]

    log = "\n".join(issuer.log)
    assert len([line for line in issuer.log if '"path":"/token"' in line]) == len(answers)
    secrets = [*SECRETS.values(), refresh_token, *(a.json().get("access_token", "no token") for a in answers)]
    assert not [secret for secret in secrets if secret in log]


# Input of every odd kind: the standard error, no 5xx, no trace in the log, and nothing changed.

ODD_BODIES: dict[str, bytes] = {
    "empty": b"",
    "NUL": b"\x00",
    "all bytes": bytes(range(256)),
    "1 MB": b"a=" + b"x" * 1_000_000,
    "10,000 parameters": "&".join(f"p{i}={i}" for i in range(10_000)).encode(),
    "separators": b"&" * 10_000,
    "percent": b"%" * 1_000,
    "deep JSON": b"[" * 50_000,
    "an object of a million": b'{"a":' * 100_000,
    "invalid UTF-8": b'{"username":"\xff\xfe","password":"x"}',
    "NUL in a member": b'{"username":"a\\u0000b","password":"a\\u0000b","email":"a\\u0000@b.example"}',
    "half a surrogate pair": b'{"username":"\\ud800","password":"\\ud800","email":"\\ud800"}',
    "not an object": b"[]",
    "wrong types": b'{"username":1,"password":[],"email":{}}',
    "null": b'{"username":null,"password":null,"email":null}',
    "a huge number": b'{"username":' + b"9" * 10_000 + b"}",
    "a member twice": b'{"username":"a","username":"b","password":"x"}',
    "markup": b'{"username":"<script>alert(1)</script>","password":"<script>","email":"<script>@x"}',
    "SQL": b'{"username":"\' OR 1=1 --","password":"\'; DROP TABLE account; --","email":"a@b.example\' --"}',
    "a form": b"grant_type=%27+OR+1%3D1+--&refresh_token=%27%3B+DROP+TABLE+client%3B&client_id=%27",
}
DOORS = ["/token", "/revoke", "/api/login", "/api/registration"]
MEDIA_TYPES = ["application/x-www-form-urlencoded", "application/json", "multipart/form-data", ""]
REFUSALS = {
    "invalid_request",
    "invalid_client",
    "invalid_grant",
    "unsupported_media_type",
    "unsupported_grant_type",
    "request_too_large",
    "invalid_credentials",
    "invalid_username",
    "invalid_email",
    "slow_down",
}
# Whose rows say that somebody tried: a guess is counted and told.
COUNTERS = {"attempt", "rate_bucket", "audit_event", "audit_turn"}


@pytest.mark.parametrize("path", DOORS)
async def test_odd_input_is_refused_and_changes_nothing(any_issuer: Issuer, path: str) -> None:
    issuer = any_issuer
    before = _without_counters(issuer)
    for what, body in ODD_BODIES.items():
        for media_type in MEDIA_TYPES:
            began = time.perf_counter()
            answer = await issuer.http.post(path, content=body, headers={"Content-Type": media_type})
            assert time.perf_counter() - began < 2, what

            assert 400 <= answer.status_code < 500, (what, media_type, answer.text)
            assert answer.json()["error"] in REFUSALS, (what, media_type, answer.text)
            assert "<script" not in answer.text
            assert "Traceback" not in answer.text

    assert _without_counters(issuer) == before
    assert not [line for line in issuer.log if '"level":"error"' in line]


@pytest.mark.parametrize("path", DOORS)
@pytest.mark.parametrize(
    "headers",
    [
        [(b"authorization", b"Basic x"), (b"authorization", b"Basic y")],
        [(b"content-type", b"application/x-www-form-urlencoded"), (b"content-type", b"application/json")],
        [(b"authorization", b"\xff\xfe")],
        [(b"authorization", b"Bearer " + b"x" * 7000)],
        [(b"x-request-id", b"\x00\n{}"), (b"x-forwarded-for", b"\xff")],
        [(b"cookie", b"dev=" + b"x" * 7000), (b"cookie", b"dev=\xff")],
    ],
    ids=["two authorizations", "two content types", "not ASCII", "long", "odd facts", "odd cookies"],
)
async def test_odd_headers_are_refused(issuer: Issuer, path: str, headers: list[tuple[bytes, bytes]]) -> None:
    usual = [(b"content-type", b"application/json" if path.startswith("/api") else b"application/x-www-form-urlencoded")]
    given = headers if headers[0][0] == b"content-type" or headers[-1][0] == b"content-type" else usual + headers
    answer = await issuer.http.post(
        path, content=b"{}" if path.startswith("/api") else b"grant_type=refresh_token", headers=given
    )

    assert 400 <= answer.status_code < 500, answer.text
    assert answer.json()["error"] in REFUSALS
    assert not [line for line in issuer.log if '"level":"error"' in line]


@pytest.mark.parametrize(
    "row, table, when",
    [("78", "refresh_family", "UPDATE"), ("78", "audit_event", "INSERT"), ("78", "feed_entry", "INSERT")],
)
async def test_a_revocation_that_was_not_stored_is_never_confirmed(any_issuer: Issuer, row: str, table: str, when: str) -> None:
    """CVE-2020-15223: 200 was answered while the storage failed."""
    token = await any_issuer.family("app")
    with any_issuer.failing(table, when):
        assert (await any_issuer.post("/revoke", {"token": token})).status_code == 503

    assert (await any_issuer.refresh(token, "app")).status_code == 200
    assert (await any_issuer.post("/revoke", {"token": token})).status_code == 200
    assert_refused(await any_issuer.refresh(token, "app"), "invalid_grant", status=400)


@pytest.mark.parametrize("table, when", [("refresh_family", "INSERT"), ("audit_event", "INSERT")])
async def test_what_was_signed_and_not_stored_is_not_sent(any_issuer: Issuer, table: str, when: str) -> None:
    """A token whose family does not exist could never be taken back."""
    with any_issuer.failing(table, when):
        answer = await any_issuer.login()

    assert answer.status_code == 503
    assert answer.json() == {"error": "temporarily_unavailable", "error_description": "try again in a moment"}
    assert any_issuer.rows("refresh_family") == []


@pytest.mark.parametrize("servers, resources, lives", [(300, None, 300), (600, 60, 60), (60, 600, 60)])
async def test_a_token_lives_no_longer_than_its_server_and_its_resource_allow(
    issuer_database: Database, tmp_path: Path, servers: int, resources: int | None, lives: int
) -> None:
    async with running(issuer_database, tmp_path, {"ACCESS_TOKEN_LIFETIME": str(servers)}) as issuer:
        await issuer.services.resources.delete(NOTES)
        await issuer.services.resources.create(a_resource(access_token_lifetime=resources))
        answer: dict[str, Any] = (await issuer.token(grant_type="client_credentials")).json()

    claims = claims_of(answer["access_token"])
    assert answer["expires_in"] == claims["exp"] - claims["iat"] == lives


def test_no_statement_is_made_of_text() -> None:
    """GHSA-r9w3-57w2-gch2: a parameter became part of a statement. Ours are expressions, or constants."""
    # SQL comes in by these two doors alone (tests/architecture/floor_plan.py).
    rooms = [Path(auth_server.__file__).parent / room for room in ("store", "migrations")]
    made = [line for room in rooms for file in room.rglob("*.py") for line in _texts_made_at_run_time(file)]

    # The one place that passes a text on: its callers say BEGIN and BEGIN IMMEDIATE.
    assert made == ["engine.py: connection.exec_driver_sql(statement)"]


def _texts_made_at_run_time(file: Path) -> list[str]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    constants = {
        ast.unparse(node.target) for node in tree.body if isinstance(node, ast.AnnAssign) and isinstance(node.value, ast.Constant)
    }
    made = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in _TAKES_TEXT:
            statement = node.args[0]
            if not isinstance(statement, ast.Constant) and ast.unparse(statement) not in constants:
                made.append(f"{file.name}: {ast.unparse(node)}")
    return made


_TAKES_TEXT = {"text", "exec_driver_sql", "literal_column", "DDL"}


def _without_counters(issuer: Issuer) -> dict[str, list[dict[str, Any]]]:
    return {table: rows for table, rows in issuer.dump().items() if table not in COUNTERS}
