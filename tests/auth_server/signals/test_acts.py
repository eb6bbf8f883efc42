"""Every act that ends a session or changes a password is in the outbox of each stream, in the very commit of the act."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from auth_server.protocol.errors import StoreUnavailable
from tests.support.auth_app import ISSUER, Issuer, running
from tests.support.builders import FACTS, NOTES
from tests.support.databases import Database
from tests.support.receivers import CREDENTIAL_CHANGE, ON, SESSION_REVOKED, Receiver

Act = Callable[[Issuer], Awaitable[object]]


@pytest.fixture
async def transmitter(any_issuer_database: Database, tmp_path: Path) -> AsyncIterator[Issuer]:
    async with running(any_issuer_database, tmp_path, ON) as issuer:
        yield issuer


async def _logout(issuer: Issuer) -> Act:
    token = (await issuer.login()).json()["refresh_token"]
    return lambda issuer: issuer.http.post("/api/logout", json={"refresh_token": token})


async def _end_session(issuer: Issuer) -> Act:
    await issuer.login()
    (session,) = issuer.rows("session")
    return lambda issuer: issuer.services.sessions.end(session["sid"], "revoked_by_operator")


async def _disable_user(issuer: Issuer) -> Act:
    await issuer.login()
    sub = await issuer.sub()
    return lambda issuer: issuer.services.administration.disable(sub, "left")


async def _change_password(issuer: Issuer) -> Act:
    await issuer.login()
    sub = await issuer.sub()
    return lambda issuer: issuer.services.administration.set_password(sub, "another-Long-enough-pass-9921")


async def _secure(issuer: Issuer) -> Act:
    await issuer.login()
    sub = await issuer.sub()
    return lambda issuer: issuer.services.correspondence.recovery.secure_own(sub, FACTS)


SESSION, PERSON = "session", "person"
ACTS: dict[str, tuple[Callable[[Issuer], Awaitable[Act]], set[tuple[str, str]]]] = {
    "logout": (_logout, {(SESSION_REVOKED, SESSION)}),
    "session ended by an operator": (_end_session, {(SESSION_REVOKED, SESSION)}),
    "user disabled": (_disable_user, {(SESSION_REVOKED, SESSION), (SESSION_REVOKED, PERSON)}),
    "account secured": (_secure, {(SESSION_REVOKED, SESSION), (SESSION_REVOKED, PERSON)}),
    "password changed": (_change_password, {(SESSION_REVOKED, SESSION), (CREDENTIAL_CHANGE, PERSON)}),
}


@pytest.mark.parametrize("name", ACTS)
async def test_an_act_is_told_to_each_stream_that_wants_it(transmitter: Issuer, name: str) -> None:
    prepare, expected = ACTS[name]
    act = await prepare(transmitter)
    receiver = Receiver(transmitter)
    first, second = await receiver.stream(), await receiver.stream(events_requested=[CREDENTIAL_CHANGE])
    (session,), sub, now = transmitter.rows("session"), await transmitter.sub(), transmitter.clock.now()

    await act(transmitter)

    told = await receiver.events(first)
    person = {"format": "iss_sub", "iss": ISSUER, "sub": sub}
    about = {
        SESSION: {"format": "complex", "user": person, "session": {"format": "opaque", "id": session["sid"]}},
        PERSON: person,
    }
    assert {(_uri(claims), _kind(claims, about)) for claims in told} == expected
    assert len(told) == len(expected)
    for claims in told:
        assert (claims["iss"], claims["aud"], claims["iat"]) == (ISSUER, NOTES, now)
        event = claims["events"][_uri(claims)]
        assert event.pop("event_timestamp") in (now, now + 1)
        password = {"credential_type": "password", "change_type": "update"}
        assert event == (password if _uri(claims) == CREDENTIAL_CHANGE else {})
    assert len({claims["jti"] for claims in told}) == len(told)
    assert {_uri(claims) for claims in await receiver.events(second)} == {uri for uri, _ in expected} & {CREDENTIAL_CHANGE}


@pytest.mark.parametrize("name", ACTS)
async def test_an_act_that_cannot_be_told_did_not_happen(transmitter: Issuer, name: str) -> None:
    act = await ACTS[name][0](transmitter)
    await Receiver(transmitter).stream()
    own = ("audit_event", "audit_head", "attempt", "rate_bucket")
    before = {table: rows for table, rows in transmitter.dump().items() if table not in own}

    with transmitter.failing("signal_event", "INSERT"):
        try:
            answer: Any = await act(transmitter)
        except StoreUnavailable:
            pass
        else:
            assert getattr(answer, "status_code", None) == 503, answer

    assert {table: rows for table, rows in transmitter.dump().items() if table not in own} == before


async def test_whoever_is_known_by_other_names_is_told_of_by_each(transmitter: Issuer) -> None:
    """Tokens of clients with pairwise subjects know the person by another name."""
    sub = await transmitter.sub()
    await transmitter.store.run(lambda tx: tx.pairwise_subjects.find_or_add(sub, "paired.example", "another-name"))
    receiver = Receiver(transmitter)
    stream = await receiver.stream()

    await transmitter.services.administration.set_password(sub, "another-Long-enough-pass-9921")

    told = await receiver.events(stream)
    assert {claims["sub_id"]["sub"] for claims in told} == {sub, "another-name"}
    assert len({claims["txn"] for claims in told}) == 1


def _uri(claims: dict[str, Any]) -> str:
    (uri,) = claims["events"]
    return str(uri)


def _kind(claims: dict[str, Any], about: dict[str, Any]) -> str:
    return next(kind for kind, sub_id in about.items() if claims["sub_id"] == sub_id)
