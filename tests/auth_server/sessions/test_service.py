"""Sessions start, are used, are listed, and end with what they opened."""

from __future__ import annotations

import pytest

from auth_server.store.sessions import Session
from tests.support.clock import FakeClock
from tests.support.people import People

pytestmark = pytest.mark.anyio

HOUR = 3_600


async def a_session(persons: People) -> Session:
    if await persons.administration.find("alice") is None:
        await persons.alice()
    return (await persons.sign_in()).session


def started(persons: People, sub: str, user_agent: str) -> Session:
    return persons.store.run_blocking(lambda tx: persons.sessions.start(tx, sub, amr=("pwd",), user_agent=user_agent))


async def test_a_session_lasts_as_long_as_it_is_used(persons: People, clock: FakeClock) -> None:
    session = await a_session(persons)
    for _ in range(20):
        clock.advance(HOUR - 1)
        assert await persons.sessions.use(session.sid) is not None
    clock.advance(HOUR)

    assert await persons.sessions.use(session.sid) is None


async def test_a_session_ends_after_its_lifetime_however_much_it_is_used(persons: People, clock: FakeClock) -> None:
    session = await a_session(persons)
    for _ in range(47):
        clock.advance(HOUR / 2)
        used = await persons.sessions.use(session.sid)
        assert used is not None
        assert used.idle_expires_at <= used.absolute_expires_at
    clock.advance(HOUR / 2)

    assert await persons.sessions.use(session.sid) is None


async def test_uses_close_together_are_written_once(persons: People, clock: FakeClock) -> None:
    session = await a_session(persons)
    clock.advance(HOUR / 5)
    first = await persons.sessions.use(session.sid)
    clock.advance(HOUR / 20)
    second = await persons.sessions.use(session.sid)

    assert first is not None
    assert first.idle_expires_at == session.idle_expires_at + HOUR / 5 * 1000
    assert second == first


async def test_an_ended_session_is_over_with_its_tokens(persons: People) -> None:
    session = await a_session(persons)

    assert await persons.sessions.end(session.sid, "signed_out")

    assert await persons.sessions.use(session.sid) is None
    assert persons.feed() == [("sid", session.sid)]
    last = persons.events()[-1]
    assert (last["name"], last["sid"], last["sub"], last["detail"]) == (
        "session.ended",
        session.sid,
        session.sub,
        {"reason": "signed_out"},
    )


async def test_a_session_ends_once(persons: People) -> None:
    session = await a_session(persons)
    await persons.sessions.end(session.sid, "signed_out")
    before = persons.events()

    assert not await persons.sessions.end(session.sid, "again")
    assert not await persons.sessions.end("no such session", "again")
    assert persons.events() == before


async def test_all_sessions_of_a_person_end_but_the_one_to_keep(persons: People) -> None:
    sessions = [await a_session(persons) for _ in range(3)]
    other = await persons.registration.create_by_operator(username="bob")
    bobs = started(persons, other.account.sub, "")

    assert await persons.sessions.end_all(sessions[0].sub, "signed_out", keep_sid=sessions[1].sid) == 2

    assert [session.sid for session in await persons.sessions.list(sessions[0].sub)] == [sessions[1].sid]
    assert await persons.sessions.list(other.account.sub) == [bobs]
    assert sorted(persons.feed()) == sorted(("sid", session.sid) for session in (sessions[0], sessions[2]))


async def test_the_newest_session_is_listed_first(persons: People, clock: FakeClock) -> None:
    sids = []
    for _ in range(3):
        sids.append((await a_session(persons)).sid)
        clock.advance(1)

    account = await persons.administration.find("alice")
    assert account is not None
    assert [session.sid for session in await persons.sessions.list(account.sub)] == sids[::-1]


async def test_what_a_browser_calls_itself_is_cut_and_harmless(persons: People) -> None:
    account = await persons.alice()
    session = started(persons, account.sub, "Mozilla/5.0\r\n\x1b[31m\u202e" + "x" * 1_000)

    assert session.user_agent is not None
    assert session.user_agent.startswith("Mozilla/5.0[31mxxx")
    assert len(session.user_agent) < 200
