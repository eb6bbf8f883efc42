"""Where every request begins and ends: headers, the last net, the log line, and no address but our own."""

from __future__ import annotations

import json
from pathlib import Path

import httpx2
import pytest

from auth_server.api.health import Live
from auth_server.app import Application
from auth_server.web.request import Request
from auth_server.web.responses import Response
from tests.support.auth_app import Issuer, running, services_on
from tests.support.databases import Database

SECURITY_HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
}


class _Breaks(Live):
    async def answer(self, request: Request) -> Response:
        raise ZeroDivisionError("canary-in-the-text-of-an-exception")


@pytest.mark.parametrize("path", ["/", "/livez", "/nothing-here", "/token", "/.well-known/jwks.json"])
async def test_every_answer_has_the_security_headers(issuer: Issuer, path: str) -> None:
    answer = await issuer.http.get(path)

    assert SECURITY_HEADERS.items() <= dict(answer.headers).items()
    assert "strict-transport-security" not in answer.headers


async def test_an_https_issuer_is_kept_to_https(issuer_database: Database, tmp_path: Path) -> None:
    async with running(issuer_database, tmp_path, {"ISSUER": "https://id.example"}) as issuer:
        answer = await issuer.http.get("/livez")

    assert answer.headers["strict-transport-security"].startswith("max-age=63072000")


async def test_an_answer_bears_the_request_id_of_its_log_line(issuer: Issuer) -> None:
    answer = await issuer.http.get("/livez", headers={"X-Request-Id": "from-a-proxy-1"})

    assert answer.headers["x-request-id"] == "from-a-proxy-1"
    line = json.loads(issuer.log[-1])
    assert (line["request_id"], line["path"], line["status"], line["ip"]) == ("from-a-proxy-1", "/livez", 200, "192.0.2.7")


async def test_the_query_is_not_logged(issuer: Issuer) -> None:
    await issuer.http.get("/livez?token=canary-in-the-query")

    assert not any("canary-in-the-query" in line for line in issuer.log)


async def test_what_is_not_there_is_not_found(issuer: Issuer) -> None:
    answer = await issuer.http.get("/.git/config")

    assert (answer.status_code, answer.json()["error"]) == (404, "not_found")
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", ["/token/", "/livez/", "/.well-known/openid-configuration/", "//token", "/api/login/"])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_no_request_is_sent_elsewhere(issuer: Issuer, path: str, method: str) -> None:
    """A redirect made out of the Host header would carry a client's secret to whoever wrote that header."""
    url = f"http://localhost:8000{path}"
    answer = await issuer.http.request(method, url, headers={"Host": "evil.example"}, data={"client_secret": "x"})

    assert answer.status_code == 404
    assert "location" not in answer.headers


async def test_an_unexpected_error_tells_the_client_nothing_and_the_log_where(issuer_database: Database, tmp_path: Path) -> None:
    async with running(issuer_database, tmp_path) as issuer:
        broken = Application(issuer.services, doors=(_Breaks(),), runs_jobs=False)
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(broken), base_url="http://localhost:8000") as http:
            answer = await http.get("/livez")
        log = issuer.log

    assert answer.status_code == 500
    assert answer.json() == {"error": "server_error", "error_description": "the server failed; nothing was granted"}
    assert answer.headers["cache-control"] == "no-store"
    assert SECURITY_HEADERS.items() <= dict(answer.headers).items()
    (told,) = [json.loads(line) for line in log if '"event":"unexpected"' in line]
    assert told["exception"] == "ZeroDivisionError"
    assert "canary" not in "".join(log)


async def test_management_doors_may_listen_elsewhere(issuer_database: Database, tmp_path: Path) -> None:
    async with running(issuer_database, tmp_path, {"MANAGEMENT_PORT": "9000"}) as issuer:
        answers = [(await issuer.http.get(path)).status_code for path in ("/livez", "/readyz", "/healthz", "/version")]

    assert answers == [404] * 4


async def test_a_server_without_its_lifespan_is_not_ready(issuer_database: Database, tmp_path: Path) -> None:
    app = Application(services_on(issuer_database, tmp_path))
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://localhost:8000") as http:
        ready, keys, token = await http.get("/readyz"), await http.get("/.well-known/jwks.json"), await http.get("/livez")

    assert (ready.status_code, keys.status_code, token.status_code) == (503, 503, 200)
    assert ready.json()["checks"]["signing_key"] != "ok"
