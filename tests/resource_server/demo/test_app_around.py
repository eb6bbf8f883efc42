"""What all answers of the notes service have in common, its log, its health and its metrics."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from resource_server import Guard
from resource_server.demo import notes as notes_module
from resource_server.demo.app import build_app
from resource_server.demo.health import Draining
from tests.resource_server.calls import call
from tests.resource_server.feeds import warm_until_told
from tests.resource_server.support import IssuerServer, a_guard

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
