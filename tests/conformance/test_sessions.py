"""Sessions, on both databases: every guard is in the statement, by the database's clock."""

from __future__ import annotations

import asyncio
import dataclasses

import pytest

from auth_server.store.accounts import NewAccount
from auth_server.store.sessions import REMEMBERED_MS, NewSession, Session
from auth_server.store.store import Store
from tests.support.clock import FakeClock

pytestmark = pytest.mark.anyio

IDLE = 60_000
ABSOLUTE = 150_000


async def a_session(store: Store, sid: str = "one", sub: str = "alice") -> Session:
    new = NewSession(sid, sub, "urn:acr", ("pwd", "otp"), IDLE, ABSOLUTE, "192.0.2.1", "a browser")

    def work(tx) -> Session:
        tx.accounts.create(NewAccount(sub, sub, sub, None, None, False))
        return tx.sessions.start(new)

    return await store.run(work)


async def live(store: Store, sid: str = "one") -> Session | None:
    return await store.read(lambda tx: tx.sessions.find_live(sid))


async def test_a_session_starts_now_by_the_databases_clock(any_store: Store, clock: FakeClock) -> None:
    clock.advance(0.777)

    session = await a_session(any_store)

    assert session == Session(
        sid="one",
        sub="alice",
        auth_time=clock.ms // 1000,
        acr="urn:acr",
        amr=("pwd", "otp"),
        created_at=clock.ms,
        idle_expires_at=clock.ms + IDLE,
        absolute_expires_at=clock.ms + ABSOLUTE,
        address="192.0.2.1",
        user_agent="a browser",
    )
    assert await live(any_store) == session


async def test_a_session_is_over_from_the_millisecond_it_expires(any_store: Store, clock: FakeClock) -> None:
    session = await a_session(any_store)
    clock.advance((IDLE - 1) / 1000)
    assert await live(any_store) == session
    clock.advance(0.001)

    assert await live(any_store) is None
    assert await any_store.run(lambda tx: tx.sessions.touch("one", IDLE)) is None
    assert await any_store.read(lambda tx: tx.sessions.find("one")) == session


async def test_a_touch_moves_the_end_and_never_past_the_absolute_one(any_store: Store, clock: FakeClock) -> None:
    session = await a_session(any_store)
    ends = []
    for _ in range(3):
        clock.advance(45)
        touched = await any_store.run(lambda tx: tx.sessions.touch("one", IDLE))
        assert touched is not None
        ends.append(touched.idle_expires_at - session.created_at)

    assert ends == [105_000, ABSOLUTE, ABSOLUTE]
    clock.advance(15)
    assert await live(any_store) is None


async def test_a_session_ends_once_however_many_end_it(any_store: Store, clock: FakeClock) -> None:
    session = await a_session(any_store)
    clock.advance(1)

    ended = await asyncio.gather(*(any_store.run(lambda tx: tx.sessions.end("one", "signed_out")) for _ in range(10)))

    assert [one for one in ended if one] == [dataclasses.replace(session, ended_at=clock.ms, end_reason="signed_out")]
    assert await live(any_store) is None


async def test_all_sessions_of_one_person_end_and_nobody_elses(any_store: Store) -> None:
    for sid in ("one", "two", "three"):
        await a_session(any_store, sid)
    bobs = await a_session(any_store, "bobs", "bob")

    kept = await any_store.run(lambda tx: tx.sessions.end_all("alice", "signed_out", keep_sid="two"))
    rest = await any_store.run(lambda tx: tx.sessions.end_all("alice", "signed_out"))
    none = await any_store.run(lambda tx: tx.sessions.end_all("alice", "signed_out"))

    assert (sorted(kept), rest, none) == (["one", "three"], ["two"], [])
    assert await any_store.read(lambda tx: tx.sessions.live_of("bob", 10)) == [bobs]


async def test_live_sessions_are_listed_newest_first(any_store: Store, clock: FakeClock) -> None:
    for sid in ("one", "two", "three"):
        await a_session(any_store, sid)
        clock.advance(1)
    await any_store.run(lambda tx: tx.sessions.end("two", "signed_out"))

    listed = await any_store.read(lambda tx: tx.sessions.live_of("alice", 10))
    assert [session.sid for session in listed] == ["three", "one"]
    assert len(await any_store.read(lambda tx: tx.sessions.live_of("alice", 1))) == 1


async def test_sessions_are_forgotten_in_slices_a_day_after_their_absolute_end(any_store: Store, clock: FakeClock) -> None:
    for sid in ("one", "two", "three"):
        await a_session(any_store, sid)
    clock.advance((ABSOLUTE + REMEMBERED_MS) / 1000)
    assert await any_store.run(lambda tx: tx.sessions.forget()) == 0
    clock.advance(0.001)

    assert [await any_store.run(lambda tx: tx.sessions.forget(2)) for _ in range(3)] == [2, 1, 0]


async def test_an_ended_session_is_forgotten_after_a_day(any_store: Store, clock: FakeClock) -> None:
    clock.advance(1)
    new = NewSession("long", "alice", "urn:acr", ("pwd",), 100 * REMEMBERED_MS, 100 * REMEMBERED_MS)
    await a_session(any_store)
    await any_store.run(lambda tx: tx.sessions.start(new))
    await any_store.run(lambda tx: tx.sessions.end("long", "signed_out"))
    clock.advance((REMEMBERED_MS + 1) / 1000)

    assert await any_store.run(lambda tx: tx.sessions.forget()) == 1
    assert await any_store.read(lambda tx: tx.sessions.find("long")) is None
