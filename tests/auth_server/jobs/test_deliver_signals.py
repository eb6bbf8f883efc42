"""Pushed security event tokens over real TLS: the job as the server makes it, and a receiver that listens (RFC 8935)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from auth_server.jobs.contract import Job
from auth_server.jobs.deliver_signals import MOST_ATTEMPTS, DeliverSignals, wait_ms
from auth_server.jobs.registry import all_jobs
from auth_server.keys.sealing import KeyEncryptionKeys
from shared import base64url
from tests.support.auth_app import KEK, Issuer, running
from tests.support.databases import Database
from tests.support.outside import Outside, an_outside, answer
from tests.support.receivers import ON, PUSH, SESSION_REVOKED, Receiver

LISTENS = "https://receiver.example/events"
DELIVERY = {"method": PUSH, "endpoint_url": LISTENS, "authorization_header": "Bearer of-the-receiver"}


@pytest.fixture
async def outside(tmp_path: Path) -> AsyncIterator[Outside]:
    async with an_outside(tmp_path / "outside", "receiver.example") as made:
        made.pages[LISTENS] = answer(202)
        yield made


@pytest.fixture
async def transmitter(
    issuer_database: Database, tmp_path: Path, outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Issuer]:
    """An auth server that reaches the receiver, and whose own job leaves the outbox to the test."""
    monkeypatch.setattr(DeliverSignals, "interval", 3_600.0)
    async with running(issuer_database, tmp_path, ON, network=outside) as issuer:
        yield issuer


@pytest.fixture
def job(transmitter: Issuer) -> Job:
    return next(job for job in all_jobs(transmitter.services) if isinstance(job, DeliverSignals))


async def _end_a_session(issuer: Issuer) -> str:
    token = (await issuer.login()).json()["refresh_token"]
    await issuer.http.post("/api/logout", json={"refresh_token": token})
    return str(issuer.events("session.ended")[-1]["sid"])


async def _heard(receiver: Receiver, outside: Outside) -> list[dict[str, Any]]:
    return [await receiver.verified(body.decode("ascii")) for body in outside.bodies]


async def test_an_event_is_pushed_once_with_the_header_that_the_receiver_wants(
    transmitter: Issuer, outside: Outside, job: Job
) -> None:
    receiver = Receiver(transmitter)
    await receiver.stream(delivery=DELIVERY)
    sid = await _end_a_session(transmitter)

    await job.run()
    await job.run()

    (claims,) = await _heard(receiver, outside)
    assert claims["sub_id"]["session"] == {"format": "opaque", "id": sid}
    assert list(claims["events"]) == [SESSION_REVOKED]
    assert outside.asked == [f"POST {LISTENS}"]
    (head,) = outside.heads
    assert "\r\nContent-Type: application/secevent+jwt\r\n" in head
    assert "\r\nAuthorization: Bearer of-the-receiver\r\n" in head
    assert transmitter.rows("signal_event") == []


async def test_a_receiver_that_is_away_for_a_while_is_told_again_of_the_same(
    transmitter: Issuer, outside: Outside, job: Job
) -> None:
    receiver = Receiver(transmitter)
    await receiver.stream(delivery=DELIVERY)
    await _end_a_session(transmitter)

    outside.pages[LISTENS] = answer(503)
    await job.run()
    await transmitter.advance(4)
    await job.run()
    assert len(outside.asked) == 1  # not before its time
    outside.pages[LISTENS] = answer(202)
    await transmitter.advance(1)
    await job.run()

    first, second = await _heard(receiver, outside)
    assert first == second
    assert transmitter.rows("signal_event") == []


async def test_what_a_receiver_refuses_is_not_sent_again(transmitter: Issuer, outside: Outside, job: Job) -> None:
    receiver = Receiver(transmitter)
    await receiver.stream(delivery=DELIVERY)
    await _end_a_session(transmitter)
    outside.pages[LISTENS] = answer(400, b'{"err": "invalid_audience"}')

    await job.run()
    await transmitter.advance(3_600)
    await job.run()

    assert len(outside.asked) == 1
    assert [event["outcome"] for event in transmitter.events("signal.refused")] == ["refused"]


async def test_a_receiver_that_never_answers_is_paused_and_loses_nothing(transmitter: Issuer, outside: Outside, job: Job) -> None:
    receiver = Receiver(transmitter)
    stream = await receiver.stream(delivery=DELIVERY)
    await _end_a_session(transmitter)
    outside.pages[LISTENS] = answer(503)

    for attempt in range(MOST_ATTEMPTS + 2):
        await job.run()
        await transmitter.advance(wait_ms(attempt) / 1000)

    assert MOST_ATTEMPTS == 24  # what docs/shared-signals.md says
    assert len(outside.asked) == MOST_ATTEMPTS
    status = (await receiver.ask("GET", "/ssf/status", stream_id=stream["stream_id"])).json()
    assert (status["status"], status["reason"]) == ("paused", "the receiver did not answer")
    assert [event["outcome"] for event in transmitter.events("signal_stream.paused")] == ["gave_up"]

    outside.pages[LISTENS] = answer(202)
    await receiver.ask("POST", "/ssf/status", {"stream_id": stream["stream_id"], "status": "enabled"})
    await job.run()
    assert len(outside.asked) == MOST_ATTEMPTS + 1
    assert transmitter.rows("signal_event") == []


async def test_a_client_that_is_disabled_is_told_nothing(transmitter: Issuer, outside: Outside, job: Job) -> None:
    await Receiver(transmitter).stream(delivery=DELIVERY)
    await _end_a_session(transmitter)
    await transmitter.services.clients.disable("gateway")

    await job.run()

    assert outside.asked == []


async def test_the_sealed_header_moves_to_another_key_encryption_key(
    issuer_database: Database, tmp_path: Path, outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DeliverSignals, "interval", 3_600.0)
    new = base64url.encode(bytes(range(1, 33)))
    async with running(issuer_database, tmp_path, ON, network=outside) as issuer:
        await Receiver(issuer).stream(delivery=DELIVERY)
    both = ON | {"KEY_ENCRYPTION_KEYS": f"{new},{KEK}"}
    async with running(issuer_database, tmp_path, both, network=outside) as issuer:
        await issuer.services.rewrap.run()
        assert {row["kek_id"] for row in issuer.rows("signal_stream")} == {KeyEncryptionKeys.from_texts([new]).sealing_id}
        await _end_a_session(issuer)
        await next(job for job in all_jobs(issuer.services) if isinstance(job, DeliverSignals)).run()
    assert "\r\nAuthorization: Bearer of-the-receiver\r\n" in outside.heads[-1]
