"""The transmitter's document, and how receivers manage, verify and poll their streams (Shared Signals Framework 1.0, RFC 8936)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from auth_server.endpoints import signal_poll
from auth_server.store.transaction import Transaction
from tests.support.auth_app import ISSUER, Issuer, running
from tests.support.builders import NOTES
from tests.support.databases import Database
from tests.support.receivers import CREDENTIAL_CHANGE, ON, POLL, PUSH, SESSION_REVOKED, VERIFICATION, Receiver

PUSHED = {
    "method": PUSH,
    "endpoint_url": "https://receiver.example/events",
    "authorization_header": "Bearer canary-of-a-receiver",
}


@pytest.fixture
async def transmitter(issuer_database: Database, tmp_path: Path) -> AsyncIterator[Issuer]:
    async with running(issuer_database, tmp_path, ON) as issuer:
        yield issuer


@pytest.fixture
def receiver(transmitter: Issuer) -> Receiver:
    return Receiver(transmitter)


async def _end_a_session(issuer: Issuer) -> None:
    token = (await issuer.login()).json()["refresh_token"]
    assert (await issuer.http.post("/api/logout", json={"refresh_token": token})).status_code < 300


async def test_it_is_off_unless_it_is_switched_on(issuer: Issuer) -> None:
    for path in ("/.well-known/ssf-configuration", "/ssf/streams", "/ssf/status", "/ssf/verify", "/ssf/poll/x"):
        assert (await issuer.http.get(path)).status_code == 404


async def test_the_document_names_what_is_served(transmitter: Issuer) -> None:
    document = (await transmitter.http.get("/.well-known/ssf-configuration")).json()

    assert document == {
        "spec_version": "1_0",
        "issuer": ISSUER,
        "jwks_uri": f"{ISSUER}/.well-known/jwks.json",
        "delivery_methods_supported": [PUSH, POLL],
        "configuration_endpoint": f"{ISSUER}/ssf/streams",
        "status_endpoint": f"{ISSUER}/ssf/status",
        "verification_endpoint": f"{ISSUER}/ssf/verify",
        "authorization_schemes": [{"spec_urn": "urn:ietf:rfc:7617"}],
        "default_subjects": "ALL",
    }
    for name in ("configuration_endpoint", "status_endpoint", "verification_endpoint"):
        assert (await transmitter.http.post(document[name], json={})).status_code == 401


async def test_a_stream_is_made_read_changed_and_deleted(receiver: Receiver) -> None:
    made = await receiver.stream(events_requested=[SESSION_REVOKED, "https://other.example/event"], description="orders")
    stream_id = made["stream_id"]

    assert made == {
        "stream_id": stream_id,
        "iss": ISSUER,
        "aud": NOTES,
        "delivery": {"method": POLL, "endpoint_url": f"{ISSUER}/ssf/poll/{stream_id}"},
        "events_supported": [SESSION_REVOKED, CREDENTIAL_CHANGE],
        "events_requested": [SESSION_REVOKED],
        "events_delivered": [SESSION_REVOKED],
        "min_verification_interval": 30,
        "description": "orders",
    }
    assert (await receiver.ask("GET", "/ssf/streams", stream_id=stream_id)).json() == made
    assert (await receiver.ask("GET", "/ssf/streams")).json() == [made]

    patched = await receiver.ask("PATCH", "/ssf/streams", {"stream_id": stream_id, "events_requested": [CREDENTIAL_CHANGE]})
    assert patched.json() == made | {"events_requested": [CREDENTIAL_CHANGE], "events_delivered": [CREDENTIAL_CHANGE]}
    put = (await receiver.ask("PUT", "/ssf/streams", {"stream_id": stream_id, "delivery": PUSHED})).json()
    assert put["delivery"] == {"method": PUSH, "endpoint_url": "https://receiver.example/events"}
    assert put["events_requested"] == [SESSION_REVOKED, CREDENTIAL_CHANGE]
    assert "description" not in put

    assert (await receiver.ask("DELETE", "/ssf/streams", stream_id=stream_id)).status_code == 204
    for method, path, body in (
        ("GET", "/ssf/streams", None),
        ("DELETE", "/ssf/streams", None),
        ("GET", "/ssf/status", None),
        ("PATCH", "/ssf/streams", {"stream_id": stream_id}),
        ("POST", "/ssf/status", {"stream_id": stream_id, "status": "enabled"}),
        ("POST", "/ssf/verify", {"stream_id": stream_id}),
        ("POST", f"/ssf/poll/{stream_id}", {}),
    ):
        assert (await receiver.ask(method, path, body, stream_id=stream_id)).status_code == 404
    named = [transmitted["name"] for transmitted in receiver.issuer.rows("audit_event")]
    assert [name for name in named if name.startswith("signal_stream.")] == [
        "signal_stream.created",
        "signal_stream.changed",
        "signal_stream.changed",
        "signal_stream.deleted",
    ]


@pytest.mark.parametrize(
    "body",
    [
        {"delivery": "poll"},
        {"delivery": {"method": "urn:other"}},
        {"delivery": {"method": PUSH}},
        {"delivery": {"method": PUSH, "endpoint_url": "http://receiver.example/"}},
        {"delivery": PUSHED | {"authorization_header": "a\r\nX-Other: b"}},
        {"events_requested": "all"},
        {"events_requested": [1]},
        {"description": 1},
    ],
)
async def test_what_is_no_configuration_is_refused(receiver: Receiver, body: dict[str, Any]) -> None:
    answer = await receiver.ask("POST", "/ssf/streams", body)

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert receiver.issuer.rows("signal_stream") == []


async def test_a_receiver_has_a_bounded_number_of_streams(receiver: Receiver) -> None:
    for _ in range(8):
        await receiver.stream()

    assert (await receiver.ask("POST", "/ssf/streams", {})).status_code == 409


async def test_streams_belong_to_the_client_that_made_them(transmitter: Issuer, receiver: Receiver) -> None:
    found = await transmitter.services.clients.find("machine")
    assert found is not None
    standing_for_notes = replace(found, introspects=frozenset({NOTES}))

    def change(tx: Transaction) -> None:
        tx.clients.update(standing_for_notes)
        tx.change_directory()

    await transmitter.store.run(change)
    stream = await receiver.stream()
    other = Receiver(transmitter, "machine")

    assert (await other.ask("GET", "/ssf/streams")).json() == []
    for method, path, body in (
        ("GET", "/ssf/streams", None),
        ("DELETE", "/ssf/streams", None),
        ("POST", "/ssf/poll/" + stream["stream_id"], {}),
    ):
        assert (await other.ask(method, path, body, stream_id=stream["stream_id"])).status_code == 404


async def test_nobody_else_is_a_receiver(transmitter: Issuer) -> None:
    stranger = Receiver(transmitter, "other")

    assert (await stranger.ask("POST", "/ssf/streams", {})).status_code == 403
    assert (await transmitter.http.post("/ssf/streams", json={})).status_code == 401
    assert (await transmitter.http.get("/ssf/streams", headers={"authorization": "Basic Z2F0ZXdheTp4"})).status_code == 401


async def test_the_header_of_a_receiver_is_sealed_and_never_shown(receiver: Receiver) -> None:
    stream = await receiver.stream(delivery=PUSHED)

    assert "authorization_header" not in stream["delivery"]
    assert "canary-of-a-receiver" not in repr(receiver.issuer.dump()) + "".join(receiver.issuer.log)
    assert b"canary-of-a-receiver" not in receiver.issuer.rows("signal_stream")[0]["sealed"]


async def test_a_verification_comes_over_the_stream_and_not_too_often(transmitter: Issuer, receiver: Receiver) -> None:
    stream = await receiver.stream(events_requested=[])
    asked = {"stream_id": stream["stream_id"], "state": "state-of-a-receiver"}

    assert (await receiver.ask("POST", "/ssf/verify", asked)).status_code == 204
    again = await receiver.ask("POST", "/ssf/verify", asked)
    await transmitter.advance(30)
    later = await receiver.ask("POST", "/ssf/verify", {"stream_id": stream["stream_id"]})

    assert (again.status_code, again.headers["retry-after"], later.status_code) == (429, "30", 204)
    first, second = await receiver.events(stream)
    assert first["sub_id"] == {"format": "opaque", "id": stream["stream_id"]}
    assert first["events"] == {VERIFICATION: {"state": "state-of-a-receiver"}}
    assert second["events"] == {VERIFICATION: {}}


async def test_a_paused_stream_keeps_what_happens_and_a_disabled_one_does_not(transmitter: Issuer, receiver: Receiver) -> None:
    stream = await receiver.stream()

    async def put(status: str, **more: str) -> dict[str, Any]:
        answer = await receiver.ask("POST", "/ssf/status", {"stream_id": stream["stream_id"], "status": status, **more})
        assert answer.status_code == 200
        body: dict[str, Any] = answer.json()
        return body

    assert await put("paused", reason="upgrade") == {"stream_id": stream["stream_id"], "status": "paused", "reason": "upgrade"}
    await _end_a_session(transmitter)
    assert await receiver.events(stream) == []
    await put("enabled")
    assert len(await receiver.events(stream)) == 1

    await put("disabled")
    await _end_a_session(transmitter)
    await put("enabled")
    assert await receiver.events(stream) == []
    assert (await receiver.ask("GET", "/ssf/status", stream_id=stream["stream_id"])).json()["status"] == "enabled"
    assert (await receiver.ask("POST", "/ssf/status", {"stream_id": stream["stream_id"], "status": "on"})).status_code == 400


async def test_what_is_polled_comes_again_until_it_is_acknowledged_also_after_a_restart(
    any_issuer_database: Database, tmp_path: Path
) -> None:
    async with running(any_issuer_database, tmp_path, ON) as issuer:
        receiver = Receiver(issuer)
        stream = await receiver.stream()
        for _ in range(3):
            await _end_a_session(issuer)
            issuer.clock.advance(1)
        two = await receiver.poll(stream, maxEvents=2)
        assert (len(two["sets"]), two["moreAvailable"]) == (2, True)
    async with running(any_issuer_database, tmp_path, ON) as issuer:
        receiver = Receiver(issuer)
        again = await receiver.poll(stream)
        assert (len(again["sets"]), again["moreAvailable"]) == (3, False)
        # Signed anew, and the same to the last claim.
        for jti, token in two["sets"].items():
            assert await receiver.verified(again["sets"][jti]) == await receiver.verified(token)
        taken, refused, left = again["sets"]
        rest = await receiver.poll(stream, ack=[taken], setErrs={refused: {"err": "invalid_audience", "description": "x"}})
        assert list(rest["sets"]) == [left]
        assert await receiver.poll(stream, ack=[left], maxEvents=0) == {"sets": {}, "moreAvailable": False}
        (event,) = issuer.events("signal.refused")
        assert event["outcome"] == "invalid_audience"
    async with running(any_issuer_database, tmp_path, ON) as issuer:
        assert await Receiver(issuer).events(stream) == []


async def test_a_poll_may_wait_for_news(transmitter: Issuer, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes while it waits ends the wait: here at the first look, instead of a clock that a test would have to trust."""
    stream = await receiver.stream()
    looks = 0

    async def sleep(_seconds: float) -> None:
        nonlocal looks
        looks += 1
        await _end_a_session(transmitter)

    monkeypatch.setattr(signal_poll, "_sleep", sleep)
    waited = await receiver.poll(stream, returnImmediately=False)

    assert (len(waited["sets"]), looks) == (1, 1)


@pytest.mark.parametrize("body", [{"maxEvents": -1}, {"ack": "x"}, {"setErrs": []}, {"returnImmediately": 1}])
async def test_what_is_no_poll_is_refused(receiver: Receiver, body: dict[str, Any]) -> None:
    stream = await receiver.stream()

    assert (await receiver.ask("POST", "/ssf/poll/" + stream["stream_id"], body)).status_code == 400


async def test_what_nobody_fetched_for_a_week_is_forgotten(transmitter: Issuer, receiver: Receiver) -> None:
    stream = await receiver.stream()
    await _end_a_session(transmitter)

    transmitter.clock.advance(7 * 86_400)
    assert await transmitter.store.run(lambda tx: tx.signals.forget(7 * 86_400_000)) == 0
    transmitter.clock.advance(1)
    assert await transmitter.store.run(lambda tx: tx.signals.forget(7 * 86_400_000)) == 1
    assert transmitter.rows("signal_event") == []
    assert len(transmitter.rows("signal_stream")) == 1, stream
