"""The notes service, through its ASGI application."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from resource_server import Guard
from resource_server.demo import notes as notes_module
from resource_server.demo.app import build_app
from resource_server.demo.health import Draining
from resource_server.demo.http import MAX_BODY_BYTES
from tests.resource_server.feeds import warm_until_told
from tests.resource_server.support import AUDIENCE, HttpAnswer, IssuerServer, a_guard, a_token, call, claims

BOTH = "notes:read notes:write"
JSON = ((b"content-type", b"application/json"),)


@pytest.fixture
def app(guard: Guard) -> Any:
    return build_app(guard)


@pytest.fixture
def alice(issuer: IssuerServer) -> bytes:
    return a_token(claims(iss=issuer.url, scope=BOTH))


@pytest.fixture
def bob(issuer: IssuerServer) -> bytes:
    return a_token(claims(iss=issuer.url, sub="bob", scope=BOTH))


def post(app: Any, token: bytes, body: object = None, headers: tuple[tuple[bytes, bytes], ...] = JSON) -> HttpAnswer:
    raw = body if isinstance(body, bytes) else json.dumps({"text": "hello"} if body is None else body).encode()
    return call(app, "/notes", method="POST", token=token, headers=headers, body=(raw,))


def test_the_front_page_says_what_this_is_and_where_tokens_come_from(app: Any, issuer: IssuerServer) -> None:
    answer = call(app, "/")

    assert answer.status == 200
    assert answer.json["authorization"]["issuer"] == issuer.url
    assert answer.json["authorization"]["resource"] == AUDIENCE
    assert "GET /me" in answer.json["routes"]


def test_the_protected_resource_metadata_is_for_everybody(app: Any, issuer: IssuerServer) -> None:
    answer = call(app, "/.well-known/oauth-protected-resource")

    assert answer.json["resource"] == AUDIENCE
    assert answer.json["authorization_servers"] == [issuer.url]
    assert answer.json["scopes_supported"] == ["notes:read", "notes:write"]
    assert answer.header("access-control-allow-origin") == "*"
    assert answer.header("cross-origin-resource-policy") == "cross-origin"


def test_a_resource_with_a_path_has_its_metadata_where_rfc_9728_puts_it(issuer: IssuerServer) -> None:
    with a_guard(issuer, audience="https://api.example.com/notes") as guard:
        answer = call(build_app(guard), "/.well-known/oauth-protected-resource/notes")

    assert answer.json["resource"] == "https://api.example.com/notes"


def test_me_answers_the_verified_claims(app: Any, alice: bytes) -> None:
    answer = call(app, "/me", token=alice)

    assert (answer.json["sub"], answer.json["client_id"], answer.json["claims"]["scope"]) == ("alice", "app", BOTH)
    assert answer.header("cache-control") == "no-store"


def test_notes_live_from_post_to_delete(app: Any, alice: bytes) -> None:
    created = post(app, alice, {"text": "buy milk"})
    assert created.status == 201
    assert created.header("location") == f"/notes/{created.json['id']}"
    assert [note["text"] for note in call(app, "/notes", token=alice).json["notes"]] == ["buy milk"]

    assert call(app, f"/notes/{created.json['id']}", method="DELETE", token=alice).status == 204
    assert call(app, "/notes", token=alice).json == {"notes": []}


def test_nobody_reads_or_deletes_anothers_note(app: Any, alice: bytes, bob: bytes) -> None:
    note = post(app, alice).json

    refused = call(app, f"/notes/{note['id']}", method="DELETE", token=bob)

    assert (refused.status, refused.json["reason"]) == (403, "not_your_note")
    assert call(app, "/notes", token=bob).json == {"notes": []}
    assert len(call(app, "/notes", token=alice).json["notes"]) == 1


def test_an_unknown_note_is_not_found(app: Any, alice: bytes) -> None:
    answer = call(app, "/notes/none", method="DELETE", token=alice)

    assert (answer.status, answer.json["reason"]) == (404, "unknown_note")


def test_administrators_read_all_notes_and_others_do_not(app: Any, alice: bytes, issuer: IssuerServer) -> None:
    post(app, alice)
    admin = a_token(claims(iss=issuer.url, sub="root", roles=["admin"]))

    assert len(call(app, "/admin/notes", token=admin).json["notes"]) == 1
    refused = call(app, "/admin/notes", token=alice)
    assert (refused.status, refused.json["reason"]) == (403, "missing_role")
    assert "scope=" not in (refused.header("www-authenticate") or "").replace("insufficient_scope", "")


@pytest.mark.parametrize(
    "method, path, scope, needed", [("GET", "/notes", "x", "notes:read"), ("POST", "/notes", "notes:read", "notes:write")]
)
def test_a_scope_that_is_missing_is_named(
    app: Any, issuer: IssuerServer, method: str, path: str, scope: str, needed: str
) -> None:
    answer = call(app, path, method=method, token=a_token(claims(iss=issuer.url, scope=scope)))

    assert (answer.status, answer.json["error"], answer.json["reason"]) == (403, "insufficient_scope", "insufficient_scope")
    assert f'scope="{needed}"' in (answer.header("www-authenticate") or "")


def test_a_client_may_read_what_its_scope_allows(app: Any, issuer: IssuerServer) -> None:
    assert call(app, "/notes", token=a_token(claims(iss=issuer.url, sub="app"))).status == 200


@pytest.mark.parametrize(
    "method, path, allowed",
    [("PUT", "/notes", {"GET", "HEAD", "POST"}), ("POST", "/me", {"GET", "HEAD"}), ("GET", "/notes/x", {"DELETE"})],
)
def test_another_method_is_told_which_ones_there_are(app: Any, alice: bytes, method: str, path: str, allowed: set[str]) -> None:
    answer = call(app, path, method=method, token=alice)

    assert (answer.status, answer.json["reason"]) == (405, "method_not_allowed")
    assert set((answer.header("allow") or "").split(", ")) == allowed


def test_an_unknown_path_is_not_found_by_callers_and_refused_to_strangers(app: Any, alice: bytes) -> None:
    assert call(app, "/nothing", token=alice).json["reason"] == "unknown_path"
    assert call(app, "/nothing").status == 401


@pytest.mark.parametrize(
    "body, status, reason",
    [
        (b"", 400, "malformed_json"),
        (b"{", 400, "malformed_json"),
        (b"[]", 400, "malformed_json"),
        (b'{"text":"a","text":"b"}', 400, "malformed_json"),
        (b'{"text":NaN}', 400, "malformed_json"),
        (b'{"text":"\xff"}', 400, "malformed_json"),
        (b'{"text":' + b"[" * 60_000, 400, "malformed_json"),
        ({}, 422, "invalid_note"),
        ({"text": 1}, 422, "invalid_note"),
        ({"text": "  "}, 422, "invalid_note"),
        ({"text": "a", "owner": "mallory"}, 422, "invalid_note"),
        ({"text": "x" * 2001}, 422, "note_too_long"),
        (b'{"text":"' + b"x" * MAX_BODY_BYTES + b'"}', 413, "body_too_large"),
    ],
)
def test_a_body_that_is_no_note_is_refused(app: Any, alice: bytes, body: object, status: int, reason: str) -> None:
    answer = post(app, alice, body)

    assert (answer.status, answer.json["reason"]) == (status, reason)
    assert call(app, "/notes", token=alice).json == {"notes": []}


def test_a_body_is_counted_as_it_arrives(app: Any, alice: bytes) -> None:
    chunks = (b'{"text":"',) + (b"x" * 8192,) * 1000

    answer = call(app, "/notes", method="POST", token=alice, headers=(*JSON, (b"content-length", b"5")), body=chunks)

    assert answer.status == 413


def test_a_body_that_breaks_off_is_refused(app: Any, alice: bytes) -> None:
    answer = call(app, "/notes", method="POST", token=alice, headers=JSON, body=())

    assert answer.json["reason"] == "incomplete_body"


@pytest.mark.parametrize("kind", [b"text/plain", b"application/x-www-form-urlencoded", b"application/json; charset=latin-1", b""])
def test_another_media_type_is_refused(app: Any, alice: bytes, kind: bytes) -> None:
    assert post(app, alice, headers=((b"content-type", kind),)).json["reason"] == "unsupported_media_type"


def test_json_with_its_charset_is_json(app: Any, alice: bytes) -> None:
    assert post(app, alice, headers=((b"content-type", b"Application/JSON; charset=UTF-8"),)).status == 201


def test_notes_are_bounded_in_number(app: Any, alice: bytes, bob: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notes_module, "MAX_NOTES_EACH", 2)
    monkeypatch.setattr(notes_module, "MAX_NOTES", 3)
    assert [post(app, alice).status for _ in range(3)] == [201, 201, 409]
    assert [post(app, bob).status for _ in range(2)] == [201, 507]


# What all answers have in common.


def test_every_answer_has_the_security_headers_and_a_request_id(app: Any, alice: bytes) -> None:
    for answer in (
        call(app, "/"),
        call(app, "/me"),
        call(app, "/me", token=alice),
        call(app, "/x", token=alice),
        call(app, "/livez"),
    ):
        assert answer.header("x-content-type-options") == "nosniff"
        assert answer.header("x-frame-options") == "DENY"
        assert "frame-ancestors 'none'" in (answer.header("content-security-policy") or "")
        assert answer.header("referrer-policy") == "no-referrer"
        assert re.fullmatch(r"[0-9a-f]{32}", answer.header("x-request-id") or "")


@pytest.mark.parametrize(
    "given, kept",
    [(b"abc-123.XYZ_9", True), (b"short", False), (b"x" * 65, False), (b"abc 12345", False), (b"abc\r\nx: 12345", False)],
)
def test_a_request_id_is_kept_only_if_it_is_well_formed(app: Any, given: bytes, kept: bool) -> None:
    answer = call(app, "/", headers=((b"x-request-id", given),))

    assert (answer.header("x-request-id") == given.decode()) is kept


def test_two_request_ids_are_none(app: Any) -> None:
    answer = call(app, "/", headers=((b"x-request-id", b"abc-12345"),) * 2)

    assert answer.header("x-request-id") != "abc-12345"


def test_the_log_has_a_line_for_each_request_and_no_token_or_query(
    app: Any, alice: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    call(app, "/me", token=alice, query=b"secret=canary")
    call(app, "/me", token=alice[:-4] + b"AAAA")
    call(app, "/livez")

    printed = capsys.readouterr().out
    lines = [line for line in map(json.loads, printed.splitlines()) if line["event"] == "request"]
    assert [(line["status"], line.get("sub"), line.get("reason")) for line in lines] == [
        (200, "alice", None),
        (401, None, "bad_signature"),
    ]
    assert lines[0]["path"] == "/me"
    assert alice.decode() not in printed
    assert "canary" not in printed
    assert not any(part.decode() in printed for part in alice.split(b"."))


# Health.


def test_health_tells_alive_ready_and_version(app: Any, guard: Guard) -> None:
    guard.warm(5)

    assert call(app, "/livez").status == 200
    assert call(app, "/readyz").json == {"status": "ready", "reasons": [], "warnings": []}
    assert call(app, "/healthz").status == 200
    assert set(call(app, "/version").json) == {"name", "version"}


def test_without_keys_it_is_alive_and_not_ready_and_says_why(issuer: IssuerServer) -> None:
    issuer.replies.clear()
    with a_guard(issuer) as guard:
        warm_until_told(guard)
        app = build_app(guard)

        assert call(app, "/livez").status == 200
        answer = call(app, "/readyz")
        assert (answer.status, answer.header("retry-after")) == (503, "1")
        assert issuer.url in answer.json["reasons"][0]


def test_when_told_to_stop_it_is_not_ready_but_answers(guard: Guard, alice: bytes) -> None:
    draining = Draining(active=True)
    app = build_app(guard, draining)

    assert call(app, "/readyz").json["reasons"][0] == "shutting down"
    assert call(app, "/me", token=alice).status == 200


def test_metrics_count_answers_and_refusals(app: Any, alice: bytes) -> None:
    call(app, "/me", token=alice)
    call(app, "/me")

    text = call(app, "/metrics").body.decode()

    assert 'resource_server_requests_total{status="200"} 1' in text
    assert 'resource_server_refusals_total{reason="no_token"} 1' in text
    assert "resource_server_jwks_fetches_total 1" in text


def test_a_fault_of_ours_is_a_plain_500(
    app: Any, guard: Guard, alice: bytes, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(notes_module.Notes, "of", broken)

    with pytest.raises(RuntimeError):
        call(app, "/notes", token=alice)
    assert "secret detail" not in capsys.readouterr().out
