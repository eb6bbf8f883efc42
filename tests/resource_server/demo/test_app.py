"""The notes service, through its ASGI application."""

from __future__ import annotations

import json
from typing import Any

import pytest

from resource_server.demo import notes as notes_module
from resource_server.demo.app import build_app
from resource_server.demo.http import MAX_BODY_BYTES
from tests.resource_server.calls import HttpAnswer, call
from tests.resource_server.support import AUDIENCE, IssuerServer, a_guard, a_token, claims

JSON = ((b"content-type", b"application/json"),)


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

    assert (answer.json["sub"], answer.json["client_id"], answer.json["claims"]["scope"]) == (
        "alice",
        "app",
        "notes:read notes:write",
    )
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
