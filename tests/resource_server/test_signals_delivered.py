"""Security events on their way to a guard: pushed (RFC 8935) and polled (RFC 8936)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from resource_server import Guard
from resource_server.jwks.fetcher import FetchFailed
from resource_server.signals import SignalPoller, Signals
from resource_server.testing import reason_of
from tests.resource_server.events_of_others import a_set, push
from tests.resource_server.feeds import a_token_of_session, until
from tests.resource_server.support import (
    IssuerServer,
    a_guard,
)


def test_a_pushed_event_is_accepted_and_holds(guard: Guard, issuer: IssuerServer, signals: Signals) -> None:
    assert push(signals, a_set(issuer))[0] == 202
    assert push(signals, a_set(issuer))[0] == 202  # a delivery whose answer was lost
    assert reason_of(guard, a_token_of_session(issuer)) == "revoked"


def test_a_refused_event_is_answered_as_the_standard_says(issuer: IssuerServer, signals: Signals) -> None:
    status, headers, body = push(signals, a_set(issuer, aud="https://secret-canary.example"))

    assert (status, headers["content-type"], headers["content-language"]) == (400, "application/json", "en")
    assert json.loads(body) == {"err": "invalid_audience", "description": "the token is for somebody else"}


def test_who_pushes_shows_the_header_first(guard: Guard, issuer: IssuerServer, signals: Signals) -> None:
    for shown in ("", "Bearer of-another-api"):
        status, _, body = push(signals, a_set(issuer), authorization=shown)
        assert (status, json.loads(body)["err"]) == (401, "authentication_failed")
    assert reason_of(guard, a_token_of_session(issuer)) is None


def test_other_requests_are_refused(issuer: IssuerServer, signals: Signals) -> None:
    assert push(signals, a_set(issuer), **{"content-type": "application/json"})[0] == 400
    assert push(signals, a_set(issuer), "GET")[0] == 405
    assert push(signals, b"x" * 100_000)[0] == 400


def test_an_issuer_that_is_away_makes_the_pusher_come_again(issuer: IssuerServer) -> None:
    issuer.replies.clear()
    with a_guard(issuer) as guard:
        assert push(Signals(guard), a_set(issuer))[0] == 503


# Poll.


class _Transmitter:
    """The poll endpoint of one stream, by hand."""

    def __init__(self) -> None:
        self.sets: dict[str, str] = {}
        self.asked: list[dict[str, Any]] = []
        self.headers: list[str | None] = []
        self.is_broken = False

    def answer(self, body: bytes, authorization: str | None) -> tuple[int, bytes]:
        asked = json.loads(body)
        self.asked.append(asked)
        self.headers.append(authorization)
        if self.is_broken:
            return 500, b""
        for jti in [*asked["ack"], *asked["setErrs"]]:
            self.sets.pop(jti, None)
        sets = {} if asked.get("maxEvents") == 0 else self.sets
        return 200, json.dumps({"sets": sets, "moreAvailable": False}).encode()


@contextmanager
def _transmitting() -> Iterator[tuple[_Transmitter, str]]:
    transmitter = _Transmitter()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, answer = transmitter.answer(body, self.headers["Authorization"])
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield transmitter, f"http://127.0.0.1:{server.server_address[1]}/poll"
    finally:
        server.shutdown()
        server.server_close()


def test_what_is_polled_is_taken_and_acknowledged(guard: Guard, issuer: IssuerServer, signals: Signals) -> None:
    with _transmitting() as (transmitter, url):
        transmitter.sets = {"set-1": a_set(issuer).decode(), "set-2": a_set(issuer, jti="set-2", aud="other").decode()}
        poller = SignalPoller(signals, url, authorization="Basic abc")

        assert poller.poll() == 2

        assert reason_of(guard, a_token_of_session(issuer)) == "revoked"
        assert transmitter.sets == {}
        assert transmitter.headers == ["Basic abc", "Basic abc"]
        first, second = transmitter.asked
        assert first == {"ack": [], "setErrs": {}, "returnImmediately": True}
        assert second["ack"] == ["set-1"]
        assert second["setErrs"]["set-2"]["err"] == "invalid_audience"
        assert second["maxEvents"] == 0
        assert asyncio.run(poller.apoll()) == 0


def test_an_acknowledgement_that_did_not_arrive_is_made_again(guard: Guard, issuer: IssuerServer, signals: Signals) -> None:
    with _transmitting() as (transmitter, url):
        transmitter.sets = {"set-1": a_set(issuer).decode()}
        poller, answer = SignalPoller(signals, url), transmitter.answer

        def lost(body: bytes, authorization: str | None) -> tuple[int, bytes]:
            return (500, b"") if json.loads(body)["ack"] else answer(body, authorization)

        transmitter.answer = lost  # type: ignore[method-assign]
        with pytest.raises(FetchFailed):
            poller.poll()
        assert reason_of(guard, a_token_of_session(issuer)) == "revoked"
        transmitter.answer = answer  # type: ignore[method-assign]

        assert poller.poll() == 0
        assert transmitter.asked[-1]["ack"] == ["set-1"]


def test_a_poller_goes_on_in_the_background(guard: Guard, issuer: IssuerServer, signals: Signals) -> None:
    with _transmitting() as (transmitter, url):
        transmitter.is_broken = True
        poller = SignalPoller(signals, url)
        poller.start()
        until(lambda: poller.last_failure is not None)
        transmitter.sets = {"set-1": a_set(issuer).decode()}
        transmitter.is_broken = False
        until(lambda: reason_of(guard, a_token_of_session(issuer)) == "revoked")
        poller.close()
    assert transmitter.asked[0]["returnImmediately"] is False


@pytest.mark.parametrize("body", [b"", b"[]", b'{"sets": []}', b'{"sets": {"a": 1}}'])
def test_an_answer_that_is_none_is_a_failure(signals: Signals, body: bytes) -> None:
    with _transmitting() as (transmitter, url):
        transmitter.answer = lambda *_: (200, body)  # type: ignore[method-assign]
        with pytest.raises(FetchFailed):
            SignalPoller(signals, url).poll()
