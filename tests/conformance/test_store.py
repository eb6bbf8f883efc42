"""What every store promises, on SQLite and on PostgreSQL alike."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from auth_server.protocol.errors import StoreUnavailable
from auth_server.store.audit_events import AuditRecord
from auth_server.store.engine import open_engines
from auth_server.store.store import Store
from auth_server.store.transaction import Transaction
from auth_server.store.writer import MAX_WAITING, Unit, Writer
from tests.support.clock import FakeClock
from tests.support.databases import Database
from tests.support.units import Refused, events_of, feed_of, first_broken_link, hold, note, refuse, revoke, together


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

    assert [type(outcome) for outcome in outcomes] == [type(None), StoreUnavailable, type(None)]
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


async def test_a_unit_whose_caller_went_away_is_carried_out_whole_and_told(any_store: Store) -> None:
    """What is noted beside the database (the journal of withdrawals) must not miss what a caller hung up on."""
    heard: list[str] = []
    any_store.on_commit(lambda records, _changed: heard.extend(str(record.detail["word"]) for record in records))
    held = await hold(any_store)
    abandoned = asyncio.create_task(any_store.run(note("kept")))
    await asyncio.sleep(0)
    abandoned.cancel()
    held.release()
    await held.unit

    await any_store.run(note("later"))

    assert abandoned.cancelled()
    assert events_of(any_store) == 2
    assert heard == ["kept", "later"]


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


async def test_a_refused_unit_takes_no_feed_number(any_store: Store) -> None:
    await any_store.run(revoke("a"))
    with pytest.raises(Refused):
        await any_store.run(refuse)
    await any_store.run(revoke("b"))

    assert feed_of(any_store) == [(1, "a"), (2, "b")]


async def test_a_read_changes_nothing(any_store: Store) -> None:
    """On SQLite the reading connection cannot write at all; a feed entry or event noted in a read goes nowhere."""
    await any_store.read(note("never"))

    assert events_of(any_store) == 0


async def test_a_database_that_is_gone_is_unavailable(tmp_path: Path) -> None:
    store = Store(open_engines("postgresql+psycopg://nobody@/nothing?host=/nonexistent"))

    with pytest.raises(StoreUnavailable):
        await store.run(note("never"))
    with pytest.raises(StoreUnavailable):
        await store.read(Transaction.now_ms)
    store.close()


def test_a_second_look_at_a_file_leaves_the_locks_of_the_first(tmp_path: Path) -> None:
    """POSIX: closing any descriptor of a file drops every lock of its process there, and SQLite counts on them."""
    path = tmp_path / "database.sqlite3"
    first = open_engines(f"sqlite:///{path}")
    with first.write.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE kept (n INTEGER)")
    held = first.write.connect()
    held.exec_driver_sql("SELECT * FROM kept")

    open_engines(f"sqlite:///{path}").dispose()
    # Another process comes and goes; were it the last one, as it would think without our lock, it would take the log along.
    other = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('SELECT * FROM kept').fetchall(); c.close()"
    subprocess.run([sys.executable, "-c", other, str(path)], check=True)

    assert path.with_name(path.name + "-wal").exists()
    held.close()
    first.dispose()
