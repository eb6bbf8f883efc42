"""What a store promises while others write: replicas, processes, readers, and one that is killed."""

from __future__ import annotations

import asyncio
import multiprocessing
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import text

from auth_server.protocol.errors import StoreUnavailable
from auth_server.store import engine
from auth_server.store.engine import open_engines
from auth_server.store.store import Store
from auth_server.store.transaction import Transaction
from tests.support.clock import FakeClock
from tests.support.databases import Database, PostgresCluster
from tests.support.units import events_of, feed_of, first_broken_link, note, revoke

REPLICAS = 4
# That a server would rather answer 503 than let its caller wait is a bound of the product's, and right. What is tried here is what
# happens when nobody is turned away, which on a busy machine takes longer than a caller would wait.
PATIENCE_SECONDS = 60


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    be_patient(monkeypatch.setattr)


def be_patient(change: Callable[..., None]) -> None:
    """Let every database that is opened from now on wait for its locks."""
    for bound in ("LOCK_WAIT_SECONDS", "STATEMENT_SECONDS", "POOL_WAIT_SECONDS"):
        change(engine, bound, PATIENCE_SECONDS)


@pytest.fixture
def postgres_database(postgres_cluster: PostgresCluster, clock: FakeClock) -> Iterator[Database]:
    yield from postgres_cluster.database(clock)


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
        following.result(60)
    follow_up = [entry.number for entry in reader.read_blocking(lambda tx: tx.revocations.since(seen[-1], 1000))]

    assert seen + follow_up == list(range(REPLICAS * 50 + 1))


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
    be_patient(setattr)
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
    be_patient(setattr)
    store = Store(open_engines(url))
    n = 0
    while True:
        store.run_blocking(lambda tx, n=n: (note(str(n))(tx), revoke(str(n))(tx)))  # type: ignore[misc]
        acknowledged.put(n)
        n += 1


@pytest.mark.postgres
async def test_a_connection_that_the_server_cut_is_unavailable_once(postgres_database: Database) -> None:
    """A fail-over: what was under way is refused, and the next unit has a new connection."""
    store = postgres_database.store()
    await store.run(note("before"))

    def cut(tx: Transaction) -> None:
        note("never")(tx)
        tx._connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))

    with pytest.raises(StoreUnavailable):
        await store.run(cut)
    await store.run(note("after"))

    assert (events_of(store), first_broken_link(store)) == (2, None)


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
