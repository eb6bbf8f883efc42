"""The writer: one thread that takes every waiting unit of work into one transaction and commits them together.

A commit that reaches the disk costs the same for one unit as for thirty, so under load they share it. When a unit fails, the group is
rolled back and run once more with each unit in a savepoint of its own, so that only the one that failed is undone. Nothing is answered
before the shared commit.
"""

from __future__ import annotations

import queue
import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import (
    DatabaseError,
    DataError,
    DBAPIError,
    NotSupportedError,
    OperationalError,
    ProgrammingError,
    SQLAlchemyError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeout

from auth_server.clock import Clock
from auth_server.protocol.errors import StoreUnavailable
from auth_server.store.audit_events import AuditEvents, AuditRecord
from auth_server.store.revocations import Revocations
from auth_server.store.transaction import Transaction
from shared.revocation import RevocationEntry

MAX_GROUP: Final = 64
# How long a group waits for more units behind a group of several. On a core that signs as well, units come one by one as their
# signatures are made; without this four of five had a commit to themselves.
PATIENCE_SECONDS: Final = 0.003
MAX_WAITING: Final = 2_000
MAX_ATTEMPTS: Final = 4
# Not the generator that everybody shares: workers that were forked from one process would wait alike.
_SPREAD: Final = random.SystemRandom()
# serialization_failure, deadlock_detected, lock_not_available (PostgreSQL).
_RETRIED_STATES: Final = frozenset({"40001", "40P01", "55P03"})


@dataclass(slots=True)
class Unit:
    """One unit of work that waits for its turn, and later its outcome: `value`, or `error`."""

    work: Callable[[Transaction], Any]
    deliver: Callable[[Sequence[Unit]], None]
    value: Any = None
    error: BaseException | None = None
    records: Sequence[AuditRecord] = field(default=())
    directory_changed: bool = False
    revoked: Sequence[RevocationEntry] = field(default=())


class Writer:
    """Runs units of work, grouped. Thread-safe; the thread starts with the first unit and ends with `close`."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock
        self._waiting: queue.SimpleQueue[Unit | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._gate = threading.Lock()
        self._patience = 0.0
        self._closed = False

    def submit(self, unit: Unit) -> None:
        """Queue a unit; its `deliver` is called on the writer's thread when its outcome is settled.

        Raises:
            StoreUnavailable: too many wait already, or the store is closed.
        """
        # Without the gate a unit could be queued behind the word to stop, and wait for ever.
        with self._gate:
            if self._closed or self._waiting.qsize() >= MAX_WAITING:
                raise StoreUnavailable("the store is closed" if self._closed else "too many writes are waiting")
            if self._thread is None:
                self._thread = threading.Thread(target=self._serve, name="store-writer", daemon=True)
                self._thread.start()
            self._waiting.put(unit)

    def close(self) -> None:
        """Finish what waits, then stop."""
        with self._gate:
            self._closed = True
            self._waiting.put(None)
        if self._thread is not None:
            self._thread.join()

    def _serve(self) -> None:
        while True:
            group, last = self._take_group()
            if group:
                self._settle(group)
            if last:
                return

    def _take_group(self) -> tuple[list[Unit], bool]:
        group: list[Unit] = []
        unit = self._waiting.get()
        waits_until = time.monotonic() + self._patience
        while unit is not None:
            group.append(unit)
            if len(group) == MAX_GROUP:
                return group, False
            try:
                unit = self._waiting.get(timeout=max(0.0, waits_until - time.monotonic()))
            except queue.Empty:
                # Where several came together, more are on their way; whoever is alone never waits for company.
                self._patience = PATIENCE_SECONDS if len(group) > 1 else 0.0
                return group, False
        return group, True

    def _settle(self, group: list[Unit]) -> None:
        if not self._try(group):
            # A conflict says nothing about who caused it: alone, each unit meets only its own.
            for unit in group:
                self._settle_alone(unit)
        by_caller: dict[Callable[[Sequence[Unit]], None], list[Unit]] = {}
        for unit in group:
            by_caller.setdefault(unit.deliver, []).append(unit)
        for deliver, units in by_caller.items():
            deliver(units)

    def _settle_alone(self, unit: Unit) -> None:
        for attempt in range(1, MAX_ATTEMPTS):
            if self._try([unit]):
                return
            time.sleep(_SPREAD.uniform(0, 0.005 * 2**attempt))
        if not self._try([unit]):
            unit.error = StoreUnavailable("the transaction kept meeting conflicts")

    def _try(self, group: list[Unit], *, apart: bool = False) -> bool:
        """Run a group and commit; settle every unit. False when the whole must be tried again.

        Args:
            apart: each unit in a savepoint. They cost as much as the units themselves, so a group goes without until one of it fails.
        """
        for unit in group:
            unit.value, unit.error, unit.records, unit.directory_changed, unit.revoked = None, None, (), False, ()
        try:
            with self._engine.connect() as connection, connection.begin():
                self._run(connection, group, apart=apart)
        except _Abandoned:
            return len(group) == 1 or self._try(group, apart=True)
        except (SQLAlchemyError, PoolTimeout) as error:
            if _is_conflict(error):
                return False
            _fail(group, _as_unavailable(error))
        except BaseException as error:  # noqa: BLE001 - were this thread to end, every later caller would wait for ever
            if len(group) > 1:
                # It is one unit's doing (an audit record that is no JSON); the others need not suffer for it.
                return False
            _fail(group, error)
        return True

    def _run(self, connection: Connection, group: list[Unit], *, apart: bool) -> None:
        done: list[Transaction] = []
        for unit in group:
            transaction = Transaction(connection, self._clock)
            savepoint = connection.begin_nested() if apart else None
            try:
                unit.value = unit.work(transaction)
            except BaseException as error:  # whatever the caller's function raised is the caller's to see
                if _is_conflict(error) or _is_disconnect(error):
                    raise
                unit.error = _as_unavailable(error)
                if savepoint is None:
                    raise _Abandoned from error
                savepoint.rollback()
            else:
                if savepoint is not None:
                    savepoint.commit()
                unit.records, unit.directory_changed = transaction.audit_records, transaction.directory_changed
                unit.revoked = transaction.revoked
                done.append(transaction)
        self._flush(connection, done)

    def _flush(self, connection: Connection, done: list[Transaction]) -> None:
        """Write what every transaction leaves behind. Always in this order, so that two groups cannot wait for each other."""
        if any(transaction.directory_changed for transaction in done):
            done[0].directory.bump()
        if records := [record for transaction in done for record in transaction.audit_records]:
            self._append_audit(connection, records)
        if entries := [entry for transaction in done for entry in transaction.revoked]:
            Revocations(connection).append(entries)

    def _append_audit(self, connection: Connection, records: list[AuditRecord]) -> None:
        audit = AuditEvents(connection)
        # Until the commit nobody else appends. Processes that only raced for the next number would lose it again and again, and with
        # the turn taken, reading the head costs less than a savepoint around a guess would.
        audit.take_turn()
        audit.append(audit.head(), records)


class _Abandoned(Exception):
    """A unit failed that stands in no savepoint: leave by the way that rolls back."""


def _fail(group: list[Unit], error: BaseException) -> None:
    for unit in group:
        unit.error = error


def _is_conflict(error: BaseException) -> bool:
    if not isinstance(error, DBAPIError) or error.orig is None:
        return False
    state = getattr(error.orig, "sqlstate", None)
    return state in _RETRIED_STATES or (isinstance(error, OperationalError) and "database is locked" in str(error.orig))


def _is_disconnect(error: BaseException) -> bool:
    return isinstance(error, DBAPIError) and error.connection_invalidated


def _as_unavailable(error: BaseException) -> BaseException:
    """Turn a database that does not do what it was asked into our word for it; leave malformed statements as they are."""
    is_malformed = isinstance(error, ProgrammingError | DataError | NotSupportedError)
    if (isinstance(error, DatabaseError | PoolTimeout) and not is_malformed) or _is_disconnect(error):
        unavailable = StoreUnavailable("the database did not carry out a write")
        unavailable.__cause__ = error
        return unavailable
    return error
