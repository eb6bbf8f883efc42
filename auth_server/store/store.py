"""The store: `await store.run(work)` to change, `await store.read(work)` to look.

`work` is ordinary synchronous code on a `Transaction`. Where it runs is the store's business: writes on the writer's thread, grouped;
reads in line on SQLite (80 µs, less than a thread hop and back under load) and on a few threads of its own on PostgreSQL.
`work` may run more than once (a conflict is retried), so it has no effects but those on its transaction.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as WaitTimeout
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import SQLAlchemyError

from auth_server.clock import DatabaseClock, running_seconds
from auth_server.protocol.errors import StoreUnavailable
from auth_server.store.audit_events import AuditRecord
from auth_server.store.engine import Engines
from auth_server.store.schema import HEAD
from auth_server.store.transaction import Transaction
from auth_server.store.writer import Unit, Writer
from shared.revocation import RevocationEntry

T = TypeVar("T")
CommitListener = Callable[[Sequence[AuditRecord], bool], None]
RevocationListener = Callable[[Sequence[RevocationEntry]], None]

_BLOCKING_SECONDS: Final = 30


class Store:
    """One database, seen as units of work."""

    def __init__(self, engines: Engines, clock: DatabaseClock | None = None) -> None:
        self._engines = engines
        self.clock = clock or DatabaseClock()
        self._writer = Writer(engines.write, self.clock)
        self._readers = None if engines.is_sqlite else ThreadPoolExecutor(4, thread_name_prefix="store-reader")
        self._local = threading.local()
        self._kept: list[Connection] = []
        self._listeners: list[CommitListener] = []
        self._revocation_listeners: list[RevocationListener] = []
        self._closed = False

    def on_commit(self, listener: CommitListener) -> None:
        """Call `listener(audit_records, directory_changed)` after each commit of this process; it must be quick and not raise."""
        self._listeners.append(listener)

    def on_revocation(self, listener: RevocationListener) -> None:
        """Call `listener(entries)` after each commit of this process that wrote to the revocation feed; like `on_commit`."""
        self._revocation_listeners.append(listener)

    async def run(self, work: Callable[[Transaction], T]) -> T:
        """Carry out a change: when this returns, it is durable; when it raises, nothing changed.

        Raises:
            StoreUnavailable: the database did not do it in time.
            Exception: whatever `work` raised; its unit was rolled back.
        """
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[Unit] = loop.create_future()
        unit = _LoopUnit(work, _LoopDelivery.of(loop, self._local), waiter, self._tell)
        self._writer.submit(unit)
        outcome: T = _outcome(await waiter)
        return outcome

    async def read(self, work: Callable[[Transaction], T]) -> T:
        """Look at the database.

        Raises:
            StoreUnavailable: the database did not answer in time.
        """
        self._refuse_when_closed()
        if self._readers is None:
            return self._read_kept(work)
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._read_kept, work)

    def run_blocking(self, work: Callable[[Transaction], T]) -> T:
        """Like `run`, for code outside an event loop."""
        settled = threading.Event()
        unit = Unit(work, lambda _units: settled.set())
        self._writer.submit(unit)
        if not settled.wait(_BLOCKING_SECONDS):
            raise StoreUnavailable("the writer did not answer") from WaitTimeout()
        self._tell(unit)
        outcome: T = _outcome(unit)
        return outcome

    def read_blocking(self, work: Callable[[Transaction], T]) -> T:
        """Like `read`, on the calling thread, which may be any and so keeps no connection: there are fewer of them than threads."""
        self._refuse_when_closed()
        try:
            with self._engines.read.connect() as connection, connection.begin():
                return work(Transaction(connection, self.clock))
        except SQLAlchemyError as error:
            raise StoreUnavailable("the database did not answer a read") from error

    def synchronise_clock(self) -> None:
        """Read the database's clock and carry on from it.

        Raises:
            StoreUnavailable: the database did not answer.
        """
        asked_at = running_seconds()
        database_ms = self.read_blocking(Transaction.now_ms)
        self.clock.follow(database_ms, asked_at, running_seconds())

    def schema_version(self) -> str | None:
        """Return the migration the database is at; None for an empty database.

        Raises:
            StoreUnavailable: the database did not answer.
        """
        try:
            with self._engines.read.connect() as connection:
                if not inspect(connection).has_table("alembic_version"):
                    return None
                return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
        except SQLAlchemyError as error:
            raise StoreUnavailable("the database did not answer") from error

    def is_at_head(self) -> bool:
        """Say whether the schema is the one this code was written for."""
        return self.schema_version() == HEAD

    @property
    def engines(self) -> Engines:
        """The engines beneath, for migrations and backups."""
        return self._engines

    @property
    def is_sqlite(self) -> bool:
        """Say whether this is the embedded engine."""
        return self._engines.is_sqlite

    def close(self) -> None:
        """Finish waiting writes and close every connection; whatever comes later is refused."""
        self._closed = True
        self._writer.close()
        if self._readers is not None:
            self._readers.shutdown()
        # Whichever thread closes the store, the connections of all of them go.
        while self._kept:
            self._kept.pop().close()
        self._engines.dispose()

    def _tell(self, unit: Unit) -> None:
        if unit.error is not None:
            return
        for listener in self._listeners:
            listener(unit.records, unit.directory_changed)
        if unit.revoked:
            for tell in self._revocation_listeners:
                tell(unit.revoked)

    def _refuse_when_closed(self) -> None:
        # A disposed engine would quietly connect again.
        if self._closed:
            raise StoreUnavailable("the store is closed")

    def _read_kept(self, work: Callable[[Transaction], T]) -> T:
        """Read with the connection that this thread keeps: the event loop's on SQLite, a reader's on PostgreSQL."""
        try:
            connection = self._reader()
            with connection.begin():
                return work(Transaction(connection, self.clock))
        except SQLAlchemyError as error:
            self._forget_reader()
            raise StoreUnavailable("the database did not answer a read") from error

    def _reader(self) -> Connection:
        connection: Connection | None = getattr(self._local, "connection", None)
        if connection is None or connection.closed:
            connection = self._local.connection = self._engines.read.connect()
            self._kept.append(connection)
        return connection

    def _forget_reader(self) -> None:
        connection: Connection | None = getattr(self._local, "connection", None)
        self._local.connection = None
        if connection is not None:
            self._kept.remove(connection)
            connection.close()


class _LoopUnit(Unit):
    __slots__ = ("tell", "waiter")

    def __init__(
        self,
        work: Callable[[Transaction], object],
        deliver: _LoopDelivery,
        waiter: asyncio.Future[Unit],
        tell: Callable[[Unit], None],
    ) -> None:
        super().__init__(work, deliver)
        self.waiter = waiter
        self.tell = tell


class _LoopDelivery:
    """Wakes an event loop once for all its units of a group: each wake-up costs as much as a small query."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop

    @classmethod
    def of(cls, loop: asyncio.AbstractEventLoop, local: threading.local) -> _LoopDelivery:
        """Return the delivery of this thread's running loop."""
        delivery: _LoopDelivery | None = getattr(local, "delivery", None)
        if delivery is None or delivery.loop is not loop:
            delivery = local.delivery = cls(loop)
        return delivery

    def __call__(self, units: Sequence[Unit]) -> None:
        # A loop that was closed meanwhile has nobody left who waits.
        with contextlib.suppress(RuntimeError):
            self.loop.call_soon_threadsafe(_wake, units)


def _wake(units: Sequence[Unit]) -> None:
    for unit in units:
        if isinstance(unit, _LoopUnit):
            # Also when nobody waits any more: what was committed is told, whoever hung up meanwhile.
            unit.tell(unit)
            if not unit.waiter.done():
                unit.waiter.set_result(unit)


def _outcome(unit: Unit) -> Any:
    if unit.error is not None:
        raise unit.error
    return unit.value
