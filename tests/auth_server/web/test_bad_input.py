"""Every door that takes a body, with bodies that nobody should send: the standard error, no traceback, nothing changed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import httpx2

from tests.support.auth_app import ISSUER, Issuer, basic, running
from tests.support.databases import Database
from tests.support.registered import SECRETS

# What is off by default is on, so that its doors are there too.
EVERYTHING: Final = {"DYNAMIC_REGISTRATION": "open", "SHARED_SIGNALS": "true", "TOKEN_EXCHANGE": "true"}
JSON, FORM = "application/json", "application/x-www-form-urlencoded"
MEGABYTE: Final = b"a" * 1_000_000
BODIES: Final = {
    "json that ends early": (JSON, b'{"username":'),
    "json that is no object": (JSON, b'["username"]'),
    "a member twice": (JSON, b'{"username":"a","username":"b","password":"c"}'),
    "json in no utf-8": (JSON, b'{"username":"\xff\xfe","password":"c"}'),
    "json behind a byte order mark": (JSON, b'\xef\xbb\xbf{"username":"a","password":"c"}'),
    "json with a bare nul": (JSON, b'{"username":"a\x00b","password":"c"}'),
    "json with a lone surrogate": (JSON, b'{"username":"\\ud800","refresh_token":"\\ud800"}'),
    "json that is too deep": (JSON, b"[" * 4_000),
    "json with what is no number": (JSON, b'{"username":NaN}'),
    "json with an endless number": (JSON, b'{"username":' + b"9" * 5_000 + b"}"),
    "a megabyte of json": (JSON, b'{"username":"' + MEGABYTE + b'"}'),
    "a parameter twice": (FORM, b"grant_type=refresh_token&grant_type=refresh_token&token=a&token=b"),
    "a nul": (FORM, b"client_id=a%00b&username=a%00b&token=a%00b"),
    "a bare nul": (FORM, b"client_id=a\x00b&username=a\x00b"),
    "escapes of no utf-8": (FORM, b"token=%ff%fe"),
    "bytes of no utf-8": (FORM, b"token=\xff\xfe"),
    "parameters without end": (FORM, b"&".join(b"p%d=1" % number for number in range(5_000))),
    "a megabyte of form": (FORM, b"token=" + MEGABYTE),
    "a multipart form": ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n--x--'),
    "plain text": ("text/plain", b'{"username":"a","password":"c"}'),
    "another alphabet": ("application/json; charset=utf-16", '{"username":"a"}'.encode("utf-16")),
}


def _headers(path: str, token: str) -> dict[str, str]:
    """Return what opens a door as far as its body: a refusal for want of these would say nothing about it."""
    proof = f"Bearer {token}" if path.startswith("/api/me") else basic("app", SECRETS["app"])
    return {"Authorization": proof, "Origin": ISSUER}


def _standard_error(answer: httpx2.Response) -> bool:
    kind = answer.headers.get("content-type", "")
    if kind.startswith("text/html"):
        return "<h1>" in answer.text and "Traceback" not in answer.text
    if not answer.content:
        return "www-authenticate" in answer.headers
    return {name: type(value) for name, value in answer.json().items()} == {"error": str, "error_description": str}


async def _refusals(issuer: Issuer, method: str, path: str, headers: Mapping[str, str]) -> dict[str, int]:
    statuses = {}
    for name, (kind, body) in BODIES.items():
        answer = await issuer.http.request(method, path, content=body, headers={**headers, "Content-Type": kind})
        assert _standard_error(answer), (method, path, name, answer.text)
        statuses[name] = answer.status_code
    return statuses


async def test_whatever_is_sent_to_any_door_is_refused_and_changes_nothing(issuer_database: Database, tmp_path: Path) -> None:
    async with running(issuer_database, tmp_path, EVERYTHING) as issuer:
        token = (await issuer.login(scope="account", resource=ISSUER)).json()["access_token"]
        doors = [
            (method, door.path.replace("{", "").replace("}", ""))
            for door in issuer.app.doors
            for method in door.methods
            if method in {"POST", "PUT", "PATCH"}
        ]
        before, lines = issuer.dump(), len(issuer.log)
        told = {(method, path): await _refusals(issuer, method, path, _headers(path, token)) for method, path in doors}

        assert {("POST", "/token"), ("POST", "/api/login"), ("POST", "/login"), ("POST", "/register")} <= told.keys()
        assert {status for statuses in told.values() for status in statuses.values()} <= {400, 401, 403, 413, 414, 415, 422}
        assert issuer.dump() == before
        assert not [line for line in issuer.log[lines:] if '"level":"error"' in line or "Traceback" in line]
