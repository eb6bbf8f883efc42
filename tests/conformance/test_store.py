"""What every store promises, on SQLite and on PostgreSQL alike."""

from __future__ import annotations

import asyncio
import multiprocessing
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError

from auth_server.audit.events import EventName
from auth_server.audit.log import record
from auth_server.protocol.errors import StoreUnavailable
from auth_server.store.audit_events import AuditRecord
from auth_server.store.engine import open_engines
from auth_server.store.store import Store
from auth_server.store.transaction import Transaction
from auth_server.store.writer import MAX_WAITING, Unit, Writer
from shared.revocation import RevocationEntry, RevocationKind
from tests.support.clock import FakeClock
from tests.support.databases import Database

REPLICAS = 4


class Refused(Exception):
    """What some unit of work raises."""


@dataclass(frozen=True)
class Held:
    """The writer's thread, kept busy so that units gather behind it into one group."""

    release: Callable[[], None]
    unit: asyncio.Task[None]


async def hold(store: Store) -> Held:
    """Return when the writer is busy."""
    busy, go = threading.Event(), threading.Event()

    def wait(_tx: Transaction) -> None:
        busy.set()
        go.wait(10)

    unit = asyncio.create_task(store.run(wait))
    await asyncio.to_thread(busy.wait, 10)
    return Held(go.set, unit)


async def together(store: Store, *works: Callable[[Transaction], Any]) -> list[Any]:
    """Run units in one group; return each one's value or error."""
    held = await hold(store)
    tasks = [asyncio.create_task(store.run(work)) for work in works]
    await asyncio.sleep(0)  # each has been submitted now
    held.release()
    await held.unit
    return await asyncio.gather(*tasks, return_exceptions=True)


def revoke(key: str) -> Callable[[Transaction], None]:
    return lambda tx: tx.revoke(RevocationEntry(RevocationKind.TOKEN, key, until=2_000_000_000))


def note(word: str) -> Callable[[Transaction], None]:
    return lambda tx: record(tx, EventName.TOKEN_REVOKED, detail={"word": word})


def refuse(tx: Transaction) -> None:
    revoke("never")(tx)
    note("never")(tx)
    tx.change_directory()
    tx.directory.bump()
    raise Refused


def feed_of(store: Store) -> list[tuple[int, str]]:
    return [(entry.number, entry.entry.key) for entry in store.read_blocking(lambda tx: tx.revocations.since(0, 10_000))]


def first_broken_link(store: Store) -> int | None:
    return store.read_blocking(lambda tx: tx.audit_events.first_broken_link())


def events_of(store: Store) -> int:
    return store.read_blocking(lambda tx: tx.audit_events.head().seq)


async def test_what_a_unit_returns_comes_back(any_store: Store) -> None:
    assert await any_store.run(lambda tx: tx.directory.version()) == 0
    assert any_store.run_blocking(lambda tx: tx.directory.version()) == 0


async def test_an_error_of_the_unit_comes_back_and_leaves_nothing(any_store: Store) -> None:
    with pytest.raises(Refused):
        await any_store.run(refuse)

    assert (feed_of(any_store), events_of(any_store)) == ([], 0)
    assert any_store.read_blocking(lambda tx: tx.directory.version()) == 0


async def test_of_a_group_only_the_failing_unit_is_rolled_back(any_store: Store) -> None:
    outcomes = await together(any_store, revoke("a"), refuse, revoke("b"), refuse, revoke("c"))

    assert [type(outcome) for outcome in outcomes] == [type(None), Refused, type(None), Refused, type(None)]
    assert feed_of(any_store) == [(1, "a"), (2, "b"), (3, "c")]
    assert any_store.read_blocking(lambda tx: tx.directory.version()) == 0


async def test_a_violated_constraint_is_the_error_of_its_unit_alone(any_store: Store) -> None:
    def collide(tx: Transaction) -> None:
        tx._connection.execute(text("INSERT INTO feed_head (id, seq) VALUES (1, 5)"))

    outcomes = await together(any_store, note("before"), collide, note("after"))

    assert [type(outcome) for outcome in outcomes] == [type(None), IntegrityError, type(None)]
    assert events_of(any_store) == 2


async def test_an_event_that_cannot_be_written_fails_its_unit_and_not_its_group(any_store: Store) -> None:
    """The log is written for all units of a group at once; the writer outlives whatever is wrong with one event."""

    def spoil(tx: Transaction) -> None:
        tx.record(AuditRecord("token.revoked", "ok", 0, detail={"word": object()}))  # type: ignore[dict-item]

    outcomes = await together(any_store, note("before"), spoil, note("after"))

    assert [type(outcome) for outcome in outcomes] == [type(None), TypeError, type(None)]
    assert (events_of(any_store), first_broken_link(any_store)) == (2, None)


async def test_a_group_shares_one_transaction(any_store: Store) -> None:
    """Each unit sees what the units before it in its group did."""

    def bump(tx: Transaction) -> int:
        tx.directory.bump()
        return tx.directory.version()

    outcomes = await together(any_store, *[bump] * 5)

    assert outcomes == [1, 2, 3, 4, 5]


async def test_many_changes_of_the_directory_in_one_group_raise_its_version(any_store: Store) -> None:
    await together(any_store, *[Transaction.change_directory] * 5)

    assert any_store.read_blocking(lambda tx: tx.directory.version()) >= 1


async def test_a_conflict_is_tried_again(any_store: Store) -> None:
    """A deadlock or a serialization failure is nobody's fault: the unit runs once more."""
    attempts: list[int] = []

    def conflict_once(tx: Transaction) -> None:
        attempts.append(1)
        note("kept")(tx)
        if len(attempts) == 1:
            raise a_conflict()

    await any_store.run(conflict_once)

    assert (len(attempts), events_of(any_store)) == (2, 1)


async def test_a_conflict_that_never_ends_is_unavailable(any_store: Store) -> None:
    def conflict(tx: Transaction) -> None:
        note("never")(tx)
        raise a_conflict()

    with pytest.raises(StoreUnavailable):
        await any_store.run(conflict)
    assert events_of(any_store) == 0


def a_conflict() -> DBAPIError:
    cause = sqlite3.OperationalError("made up")
    cause.sqlstate = "40001"  # type: ignore[attr-defined]
    return DBAPIError("UPDATE", {}, cause)


async def test_a_closed_store_refuses(any_store: Store) -> None:
    any_store.close()

    with pytest.raises(StoreUnavailable):
        await any_store.run(note("late"))
    with pytest.raises(StoreUnavailable):
        any_store.run_blocking(note("late"))
    with pytest.raises(StoreUnavailable):
        await any_store.read(Transaction.now_ms)
    with pytest.raises(StoreUnavailable):
        any_store.read_blocking(Transaction.now_ms)


async def test_closing_finishes_what_waits(any_database: Database) -> None:
    store = any_database.store()
    held = await hold(store)
    waiting = [asyncio.create_task(store.run(note(str(n)))) for n in range(10)]
    await asyncio.sleep(0)
    held.release()

    await asyncio.to_thread(store.close)
    await asyncio.gather(held.unit, *waiting)

    assert events_of(any_database.store()) == 10


async def test_a_unit_whose_caller_went_away_is_carried_out_whole(any_store: Store) -> None:
    held = await hold(any_store)
    abandoned = asyncio.create_task(any_store.run(note("kept")))
    await asyncio.sleep(0)
    abandoned.cancel()
    held.release()
    await held.unit

    await any_store.run(note("later"))

    assert abandoned.cancelled()
    assert events_of(any_store) == 2


def test_more_waiting_units_than_the_bound_are_refused(any_database: Database, clock: FakeClock) -> None:
    """A database that stands still must not take the process's memory with it."""
    writer = Writer(any_database.engines().write, clock)
    busy, go, settled = threading.Event(), threading.Event(), threading.Semaphore(0)

    def wait(_tx: Transaction) -> None:
        busy.set()
        go.wait(10)

    writer.submit(Unit(wait, lambda units: settled.release(len(units))))
    busy.wait(10)
    for _ in range(MAX_WAITING):
        writer.submit(Unit(lambda tx: None, lambda units: settled.release(len(units))))

    with pytest.raises(StoreUnavailable):
        writer.submit(Unit(lambda tx: None, lambda units: None))
    go.set()
    writer.close()
    assert all(settled.acquire(timeout=10) for _ in range(MAX_WAITING + 1))


async def test_listeners_hear_of_committed_units_alone(any_store: Store) -> None:
    heard: list[tuple[list[str], bool]] = []
    any_store.on_commit(lambda records, changed: heard.append(([str(r.detail["word"]) for r in records], changed)))

    with pytest.raises(Refused):
        await any_store.run(refuse)
    await any_store.run(note("first"))
    await any_store.run(Transaction.change_directory)

    assert heard == [(["first"], False), ([], True)]


async def test_feed_numbers_have_no_gaps_and_follow_the_commits(any_database: Database) -> None:
    """A reader with a cursor never skips an entry: while four replicas write, it sees 1, 2, 3, … and nothing else."""
    replicas = [any_database.store() for _ in range(REPLICAS)]
    reader, seen, done = any_database.store(), [0], threading.Event()

    def follow() -> None:
        while not done.is_set():
            seen.extend(entry.number for entry in reader.read_blocking(lambda tx: tx.revocations.since(seen[-1], 1000)))

    with ThreadPoolExecutor(1) as pool:
        following = pool.submit(follow)
        await asyncio.gather(*(store.run(revoke(f"{n}")) for store in replicas for n in range(50)))
        done.set()
        following.result(10)
    follow_up = [entry.number for entry in reader.read_blocking(lambda tx: tx.revocations.since(seen[-1], 1000))]

    assert seen + follow_up == list(range(REPLICAS * 50 + 1))


async def test_a_refused_unit_takes_no_feed_number(any_store: Store) -> None:
    await any_store.run(revoke("a"))
    with pytest.raises(Refused):
        await any_store.run(refuse)
    await any_store.run(revoke("b"))

    assert feed_of(any_store) == [(1, "a"), (2, "b")]


async def test_the_audit_chain_holds_under_replicas_that_write_at_once(any_database: Database) -> None:
    replicas = [any_database.store() for _ in range(REPLICAS)]

    await asyncio.gather(*(store.run(note(f"{n}")) for n in range(60) for store in replicas))

    assert (events_of(replicas[0]), first_broken_link(replicas[0])) == (REPLICAS * 60, None)


def test_the_audit_chain_holds_under_processes_that_write_at_once(any_database: Database) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=write_events, args=(any_database.url, 25)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)

    store = any_database.store()
    assert [process.exitcode for process in processes] == [0, 0]
    assert (events_of(store), first_broken_link(store)) == (50, None)
    assert [number for number, _ in feed_of(store)] == list(range(1, 51))


def write_events(url: str, count: int) -> None:
    """A process of its own."""
    store = Store(open_engines(url))
    for n in range(count):
        store.run_blocking(lambda tx, n=n: (note(str(n))(tx), revoke(str(n))(tx)))  # type: ignore[misc]
    store.close()


def test_reading_and_then_writing_from_many_threads_never_meets_a_lock(any_database: Database) -> None:
    """SQLite fails at once when a deferred transaction that has read wants to write; ours open as writers."""
    stores = [any_database.store() for _ in range(8)]

    def read_and_write(tx: Transaction) -> None:
        tx.directory.version()
        tx.directory.bump()

    def count_up(store: Store) -> None:
        for _ in range(20):
            store.run_blocking(read_and_write)

    with ThreadPoolExecutor(8) as pool:
        for outcome in [pool.submit(count_up, store) for store in stores]:
            outcome.result(60)

    assert stores[0].read_blocking(lambda tx: tx.directory.version()) == 160


async def test_a_reader_does_not_wait_for_a_writer(any_store: Store) -> None:
    """It sees the last commit, and at once."""
    any_store.run_blocking(lambda tx: tx.directory.bump())
    written, go = threading.Event(), threading.Event()

    def write_and_wait(tx: Transaction) -> None:
        tx.directory.bump()
        written.set()
        go.wait(10)

    writing = asyncio.create_task(any_store.run(write_and_wait))
    await asyncio.to_thread(written.wait, 10)

    assert await asyncio.wait_for(any_store.read(lambda tx: tx.directory.version()), 5) == 1

    go.set()
    await writing
    assert await any_store.read(lambda tx: tx.directory.version()) == 2


async def test_a_read_changes_nothing(any_store: Store) -> None:
    """On SQLite the reading connection cannot write at all; a feed entry or event noted in a read goes nowhere."""
    await any_store.read(note("never"))

    assert events_of(any_store) == 0


async def test_what_was_acknowledged_survives_a_killed_process(any_database: Database) -> None:
    context = multiprocessing.get_context("spawn")
    acknowledged = context.SimpleQueue()
    process = context.Process(target=write_until_killed, args=(any_database.url, acknowledged))
    process.start()
    last = -1
    for _ in range(20):
        last = await asyncio.to_thread(acknowledged.get)
    process.kill()
    process.join(30)
    while not acknowledged.empty():
        last = acknowledged.get()

    store = any_database.store()
    keys = [key for _, key in feed_of(store)]
    assert keys[: last + 1] == [str(n) for n in range(last + 1)]
    assert (events_of(store), first_broken_link(store)) == (len(keys), None)
    await store.run(note("alive"))


def write_until_killed(url: str, acknowledged: Any) -> None:
    """A process of its own, which says what it was told is durable."""
    store = Store(open_engines(url))
    n = 0
    while True:
        store.run_blocking(lambda tx, n=n: (note(str(n))(tx), revoke(str(n))(tx)))  # type: ignore[misc]
        acknowledged.put(n)
        n += 1


@pytest.mark.postgres
async def test_a_connection_that_the_server_cut_is_unavailable_once(any_database: Database) -> None:
    """A fail-over: what was under way is refused, and the next unit has a new connection."""
    if any_database.is_sqlite:
        pytest.skip("SQLite has no server that could cut a connection")
    store = any_database.store()
    await store.run(note("before"))

    def cut(tx: Transaction) -> None:
        note("never")(tx)
        tx._connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))

    with pytest.raises(StoreUnavailable):
        await store.run(cut)
    await store.run(note("after"))

    assert (events_of(store), first_broken_link(store)) == (2, None)


async def test_a_database_that_is_gone_is_unavailable(tmp_path: Path) -> None:
    store = Store(open_engines("postgresql+psycopg://nobody@/nothing?host=/nonexistent"))

    with pytest.raises(StoreUnavailable):
        await store.run(note("never"))
    with pytest.raises(StoreUnavailable):
        await store.read(Transaction.now_ms)
    store.close()


def test_a_changed_event_breaks_the_chain(any_database: Database) -> None:
    store = any_database.store()
    for n in range(5):
        store.run_blocking(note(str(n)))
    any_database.execute("UPDATE audit_event SET body = replace(body, '\"2\"', '\"9\"') WHERE seq = 3")

    assert first_broken_link(store) == 3


@pytest.mark.parametrize("seq", [1, 3])
def test_a_dropped_event_breaks_the_chain(any_database: Database, seq: int) -> None:
    store = any_database.store()
    for n in range(5):
        store.run_blocking(note(str(n)))
    any_database.execute("DELETE FROM audit_event WHERE seq = :seq", seq=seq)

    assert first_broken_link(store) == seq + 1
