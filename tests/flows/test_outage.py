"""The auth server goes away and comes back; the API does not care."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from docs.demo.servers import Server
from docs.demo.story import Answer, call, decode
from tests.flows.pair import Pair, make_pair


@pytest.fixture
def own_pair(tmp_path: Path):
    lifetimes = {"AUTH_SERVER_ACCESS_TOKEN_LIFETIME": "15", "AUTH_SERVER_REFRESH_QUIET_WINDOW": "0"}
    pair = make_pair(tmp_path, {"alice": ["editor"]}, **lifetimes)
    try:
        pair.auth.start()
        pair.resource.start()
        yield pair
    finally:
        pair.resource.stop()
        pair.auth.stop()


def test_the_api_goes_on_while_the_issuer_is_away_and_nothing_is_lost(own_pair: Pair) -> None:
    signed_in = own_pair.login("alice").body
    assert own_pair.get("/me", signed_in["access_token"]).status == 200

    assert own_pair.auth.stop() == 0
    assert own_pair.get("/me", signed_in["access_token"]).status == 200
    own_pair.auth.start()

    form = {"grant_type": "refresh_token", "refresh_token": signed_in["refresh_token"], "client_id": "first-party"}
    refreshed = call("POST", f"{own_pair.issuer}/token", form=form)
    assert refreshed.status == 200
    assert decode(refreshed.body["access_token"])[1]["grant_id"] == decode(signed_in["access_token"])[1]["grant_id"]
    assert own_pair.get("/me", refreshed.body["access_token"]).status == 200


def _refresh(pair: Pair, token: str) -> Answer:
    form = {"grant_type": "refresh_token", "refresh_token": token, "client_id": "first-party"}
    return call("POST", f"{pair.issuer}/token", form=form)


def test_cve_40_what_was_consumed_stays_so_when_the_server_is_killed(own_pair: Pair) -> None:
    """Incident 40: a used refresh token was accepted after a restart. Killed the instant its answer is there, the server still knows."""
    ancestor = own_pair.login("alice").body["refresh_token"]
    untouched = own_pair.login("alice").body["refresh_token"]
    parent = _refresh(own_pair, ancestor).body["refresh_token"]
    child = _refresh(own_pair, parent).body["refresh_token"]
    own_pair.auth.kill()
    own_pair.auth.start()

    assert _refresh(own_pair, child).status == 200  # what was answered is kept
    replayed = _refresh(own_pair, ancestor)
    assert (replayed.status, replayed.body["error"]) == (400, "invalid_grant")
    own_pair.auth.kill()
    own_pair.auth.start()

    # The replay ended the family, and that is not forgotten either; it ended no other.
    assert [_refresh(own_pair, token).status for token in (ancestor, parent, child)] == [400, 400, 400]
    assert _refresh(own_pair, untouched).status == 200


def test_an_api_that_starts_before_its_issuer_says_so_and_recovers(own_pair: Pair) -> None:
    own_pair.resource.stop()
    token = own_pair.access_token()
    own_pair.auth.stop()
    own_pair.resource.start_unready()

    answer = own_pair.get("/me", token)
    assert answer.status == 503
    assert int(answer.headers["retry-after"]) > 0

    own_pair.auth.start()
    own_pair.resource.wait_until_ready()
    assert own_pair.get("/me", own_pair.access_token()).status == 200


def test_the_logs_of_a_whole_story_hold_no_secret(own_pair: Pair) -> None:
    signed_in = own_pair.login("alice").body
    own_pair.get("/me", signed_in["access_token"])
    form = {"grant_type": "refresh_token", "refresh_token": signed_in["refresh_token"], "client_id": "first-party"}
    successor = call("POST", f"{own_pair.issuer}/token", form=form).body
    call("POST", f"{own_pair.issuer}/api/login", json_body={"username": "alice", "password": "wrong " + own_pair.password})
    call("GET", f"{own_pair.api}/me?access_token={signed_in['access_token']}")
    secrets = [own_pair.password, *(body[name] for body in (signed_in, successor) for name in ("access_token", "refresh_token"))]

    for server in (own_pair.auth, own_pair.resource):
        text = _log_of(server)
        assert all(json.loads(line)["ts"] for line in text.splitlines())
        assert not [secret for secret in secrets if secret in text or secret.rsplit(".", 1)[-1] in text]


def _log_of(server: Server) -> str:
    """Return what a server wrote: its start, and each request; the line of an answer may come a moment behind it."""
    text, give_up_at = "", time.monotonic() + 30
    while text.count("\n") <= 3:
        assert time.monotonic() < give_up_at, text
        time.sleep(0.05)
        text = server.log.read_text(encoding="utf-8")
    return text
