"""Shared signals at an API: what a pushed or polled event ends is refused within the call, and nothing else is."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from resource_server import Guard, TokenRefused
from resource_server.jwks.fetcher import FetchFailed
from resource_server.signals import SignalPoller, Signals, SignalsUnavailable
from resource_server.verifier.security_event import CREDENTIAL_CHANGE, SetRefused
from tests.resource_server.feeds import until
from tests.resource_server.support import NOW, IssuerServer, a_guard, a_header, a_token, claims, rs256, rsa_jwk, rsa_key
from tests.resource_server.verifier.test_security_event import set_claims

BEARER = "Bearer of-this-api"


@pytest.fixture
def signals(guard: Guard) -> Signals:
    guard.warm()
    return Signals(guard, authorization=BEARER)


def _token(issuer: IssuerServer, **members: object) -> bytes:
    return a_token(claims(**{"iss": issuer.url, "sid": "s1", **members}))


def _set(issuer: IssuerServer, *, kid: str = "one", **members: object) -> bytes:
    person = {"format": "iss_sub", "iss": issuer.url, "sub": "alice"}
    about = {"format": "complex", "user": person, "session": {"format": "opaque", "id": "s1"}}
    payload = set_claims(**{"iss": issuer.url, "sub_id": about, **members})
    return a_token(payload, a_header(typ="secevent+jwt", kid=kid), rs256(rsa_key(kid)))


def _about_alice(issuer: IssuerServer, at: int, **members: object) -> bytes:
    person = {"format": "iss_sub", "iss": issuer.url, "sub": "alice"}
    return _set(issuer, sub_id=person, events={CREDENTIAL_CHANGE: {"event_timestamp": at}}, **members)


def _reason(guard: Guard, token: bytes) -> str | None:
    try:
        guard.verify(token)
    except TokenRefused as refusal:
        return refusal.reason
    return None


def test_a_session_that_ended_is_refused_when_the_call_returns(guard: Guard, issuer: IssuerServer, signals: Signals) -> None:
    token, other = _token(issuer), _token(issuer, jti="token-2", sid="s2")
    assert [_reason(guard, one) for one in (token, other)] == [None, None]  # and remembered as good

    signals.take(_set(issuer))

    assert [_reason(guard, one) for one in (token, other)] == ["revoked", None]


def test_a_changed_password_ends_what_was_issued_until_then(guard: Guard, issuer: IssuerServer, signals: Signals) -> None:
    old, new = _token(issuer, iat=NOW - 10), _token(issuer, iat=NOW - 9, jti="token-2")
    bystander = _token(issuer, sub="bob", iat=NOW - 10)

    signals.take(_about_alice(issuer, NOW - 10))

    assert [_reason(guard, one) for one in (old, new, bystander)] == ["revoked", None, None]


def test_one_that_comes_again_changes_nothing(guard: Guard, issuer: IssuerServer, signals: Signals) -> None:
    token = _token(issuer, iat=NOW - 5)

    for _ in range(3):
        assert signals.take(_about_alice(issuer, NOW - 10)).jti == "set-1"

    assert _reason(guard, token) is None
    assert (signals.taken, signals.refused) == (3, 0)


@pytest.mark.parametrize(
    "members, code",
    [
        ({"iss": "https://other.example"}, "invalid_issuer"),
        ({"aud": "https://other.example"}, "invalid_audience"),
        ({"exp": NOW + 60}, "invalid_request"),
    ],
)
def test_what_is_not_for_us_ends_nothing(
    guard: Guard, issuer: IssuerServer, signals: Signals, members: dict[str, Any], code: str
) -> None:
    with pytest.raises(SetRefused) as refused:
        signals.take(_set(issuer, **members))

    assert refused.value.code == code
    assert _reason(guard, _token(issuer)) is None
    assert signals.refused == 1


@pytest.mark.parametrize("rubbish", [b"", b"a.b.c", b"\xff" * 10, "ü", b"x" * 100_000])
def test_rubbish_is_refused(signals: Signals, rubbish: bytes | str) -> None:
    with pytest.raises(SetRefused) as refused:
        signals.take(rubbish)

    assert refused.value.code == "invalid_request"


def test_a_key_that_is_new_is_looked_for_and_until_it_is_there_the_event_must_come_again(
    guard: Guard, issuer: IssuerServer, signals: Signals
) -> None:
    with pytest.raises(SignalsUnavailable):
        signals.take(_set(issuer, kid="two"))
    assert _reason(guard, _token(issuer)) is None

    issuer.publish(rsa_jwk(), rsa_jwk("two"))

    until(lambda: _push(signals, _set(issuer, kid="two"))[0] == 202)  # keys are asked for at most once a second
    assert _reason(guard, _token(issuer)) == "revoked"


def test_an_event_is_no_access_token(guard: Guard, issuer: IssuerServer, signals: Signals) -> None:
    everything = claims(**{**set_claims(), "iss": issuer.url})

    for typ in ("secevent+jwt", "application/secevent+jwt"):
        assert _reason(guard, a_token(everything, a_header(typ=typ))) == "wrong_type"
    with pytest.raises(SetRefused):
        signals.take(a_token(everything))


def test_what_was_ended_outlives_a_restart(issuer: IssuerServer, tmp_path: Path) -> None:
    with a_guard(issuer, state_dir=tmp_path) as guard:
        guard.warm()
        Signals(guard).take(_set(issuer))
    with a_guard(issuer, state_dir=tmp_path) as guard:
        guard.warm()
        assert _reason(guard, _token(issuer)) == "revoked"


def test_an_issuer_that_cannot_be_asked_makes_it_come_again(issuer: IssuerServer) -> None:
    issuer.replies.clear()
    with a_guard(issuer) as guard, pytest.raises(SignalsUnavailable):
        Signals(guard).take(_set(issuer))


# Push.


def _push(signals: Signals, body: bytes, method: str = "POST", **headers: str) -> tuple[int, dict[str, str], bytes]:
    sent: list[dict[str, Any]] = []
    given = {"content-type": "application/secevent+jwt", "authorization": BEARER, **headers}
    scope = {"type": "http", "method": method, "headers": [(n.encode(), v.encode()) for n, v in given.items()]}
    parts: list[dict[str, Any]] = [
        {"type": "http.request", "body": body[:10], "more_body": True},
        {"type": "http.request", "body": body[10:]},
    ]

    async def receive() -> dict[str, Any]:
        return parts.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(signals(scope, receive, send))
    return sent[0]["status"], {n.decode(): v.decode() for n, v in sent[0]["headers"]}, sent[1]["body"]


def test_a_pushed_event_is_accepted_and_holds(guard: Guard, issuer: IssuerServer, signals: Signals) -> None:
    assert _push(signals, _set(issuer))[0] == 202
    assert _push(signals, _set(issuer))[0] == 202  # a delivery whose answer was lost
    assert _reason(guard, _token(issuer)) == "revoked"


def test_a_refused_event_is_answered_as_the_standard_says(issuer: IssuerServer, signals: Signals) -> None:
    status, headers, body = _push(signals, _set(issuer, aud="https://secret-canary.example"))

    assert (status, headers["content-type"], headers["content-language"]) == (400, "application/json", "en")
    assert json.loads(body) == {"err": "invalid_audience", "description": "the token is for somebody else"}


def test_who_pushes_shows_the_header_first(guard: Guard, issuer: IssuerServer, signals: Signals) -> None:
    for shown in ("", "Bearer of-another-api"):
        status, _, body = _push(signals, _set(issuer), authorization=shown)
        assert (status, json.loads(body)["err"]) == (401, "authentication_failed")
    assert _reason(guard, _token(issuer)) is None


def test_other_requests_are_refused(issuer: IssuerServer, signals: Signals) -> None:
    assert _push(signals, _set(issuer), **{"content-type": "application/json"})[0] == 400
    assert _push(signals, _set(issuer), "GET")[0] == 405
    assert _push(signals, b"x" * 100_000)[0] == 400


def test_an_issuer_that_is_away_makes_the_pusher_come_again(issuer: IssuerServer) -> None:
    issuer.replies.clear()
    with a_guard(issuer) as guard:
        assert _push(Signals(guard), _set(issuer))[0] == 503


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
        transmitter.sets = {"set-1": _set(issuer).decode(), "set-2": _set(issuer, jti="set-2", aud="other").decode()}
        poller = SignalPoller(signals, url, authorization="Basic abc")

        assert poller.poll() == 2

        assert _reason(guard, _token(issuer)) == "revoked"
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
        transmitter.sets = {"set-1": _set(issuer).decode()}
        poller, answer = SignalPoller(signals, url), transmitter.answer

        def lost(body: bytes, authorization: str | None) -> tuple[int, bytes]:
            return (500, b"") if json.loads(body)["ack"] else answer(body, authorization)

        transmitter.answer = lost  # type: ignore[method-assign]
        with pytest.raises(FetchFailed):
            poller.poll()
        assert _reason(guard, _token(issuer)) == "revoked"
        transmitter.answer = answer  # type: ignore[method-assign]

        assert poller.poll() == 0
        assert transmitter.asked[-1]["ack"] == ["set-1"]


def test_a_poller_goes_on_in_the_background(guard: Guard, issuer: IssuerServer, signals: Signals) -> None:
    with _transmitting() as (transmitter, url):
        transmitter.is_broken = True
        poller = SignalPoller(signals, url)
        poller.start()
        until(lambda: poller.last_failure is not None)
        transmitter.sets = {"set-1": _set(issuer).decode()}
        transmitter.is_broken = False
        until(lambda: _reason(guard, _token(issuer)) == "revoked")
        poller.close()
    assert transmitter.asked[0]["returnImmediately"] is False


@pytest.mark.parametrize("body", [b"", b"[]", b'{"sets": []}', b'{"sets": {"a": 1}}'])
def test_an_answer_that_is_none_is_a_failure(signals: Signals, body: bytes) -> None:
    with _transmitting() as (transmitter, url):
        transmitter.answer = lambda *_: (200, body)  # type: ignore[method-assign]
        with pytest.raises(FetchFailed):
            SignalPoller(signals, url).poll()
