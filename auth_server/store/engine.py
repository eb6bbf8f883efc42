"""Engines for one database: one that writes and one that reads; SQLite and PostgreSQL.

SQLite: WAL, `synchronous=FULL` (what was acknowledged is on the disk), writes open with BEGIN IMMEDIATE. A deferred transaction that
reads and then writes fails at once with "database is locked", and no busy timeout applies to that upgrade. Reads keep a plain BEGIN,
so they never take the writer's slot.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

# A writer that waits longer than this answers 503 rather than hang its caller.
LOCK_WAIT_SECONDS: Final = 2
STATEMENT_SECONDS: Final = 3
POOL_WAIT_SECONDS: Final = 1
# The text of an error must not repeat the row that was being written.
_QUIET: Final[dict[str, Any]] = {"hide_parameters": True}


@dataclass(frozen=True, slots=True)
class Engines:
    """The two engines; on PostgreSQL they differ only in that reads run without a transaction of their own."""

    write: Engine
    read: Engine

    @property
    def is_sqlite(self) -> bool:
        """Say which of the two engines' dialects this is."""
        return self.write.dialect.name == "sqlite"

    def dispose(self) -> None:
        """Close every pooled connection."""
        self.write.dispose()
        self.read.dispose()


def parse_database_url(text: str) -> str:
    """Check a database URL and return it with the driver we use.

    Raises:
        ValueError: not `sqlite:///path` or `postgresql://…`; the sentence never holds the URL, which may hold a password.
    """
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):  # the second for a port that is no number; both quote what was given
        raise ValueError("must be sqlite:///PATH or postgresql://USER:PASSWORD@HOST/NAME") from None
    if url.get_backend_name() == "sqlite" and url.database and url.database != ":memory:":
        return text
    if url.get_backend_name() in {"postgresql", "postgres"}:
        return url.set(drivername="postgresql+psycopg").render_as_string(hide_password=False)
    raise ValueError("must be sqlite:///PATH or postgresql://USER:PASSWORD@HOST/NAME")


def open_engines(
    database_url: str,
    *,
    readers: int = 4,
    now_sql: str | None = None,
    on_connect: Callable[[Any], None] | None = None,
) -> Engines:
    """Make the engines; no connection is opened yet.

    Args:
        database_url: from `parse_database_url`.
        readers: connections for reads on PostgreSQL.
        now_sql: replaces the database's clock in every statement (tests with a virtual clock).
        on_connect: called with each new driver connection (tests that define SQL functions).
    """
    url = make_url(database_url)
    engines = _sqlite(url) if url.get_backend_name() == "sqlite" else _postgresql(url, readers)
    for engine in (engines.write, engines.read):
        if now_sql is not None:
            engine.dialect.sealwright_now_sql = now_sql  # type: ignore[attr-defined]
        if on_connect is not None:
            event.listen(engine, "connect", _connect_hook(on_connect))
    return engines


def _connect_hook(on_connect: Callable[[Any], None]) -> Callable[[Any, Any], None]:
    return lambda connection, _record: on_connect(connection)


def _sqlite(url: URL) -> Engines:
    _make_private(Path(str(url.database)))
    arguments = {"check_same_thread": False, "timeout": LOCK_WAIT_SECONDS}
    write = create_engine(url, connect_args=arguments, pool_size=2, **_QUIET)
    read = create_engine(url, connect_args=arguments, pool_size=4, **_QUIET)
    event.listen(write, "connect", lambda connection, _record: _prepare_sqlite(connection, query_only=False))
    event.listen(read, "connect", lambda connection, _record: _prepare_sqlite(connection, query_only=True))
    event.listen(write, "begin", lambda connection: _begin(connection, "BEGIN IMMEDIATE"))
    event.listen(read, "begin", _begin_to_read)
    return Engines(write, read)


def _make_private(path: Path) -> None:
    """Create the file for its owner alone before SQLite would create it for everybody.

    One that is there is left alone: closing it would drop the locks of every connection this process has to it (POSIX), and another
    process would take itself for the last one and fold away a log that is still written to.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))


def _prepare_sqlite(connection: Any, *, query_only: bool) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves, see the module's docstring
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    if query_only:
        cursor.execute("PRAGMA query_only=ON")
    cursor.close()


def _begin_to_read(connection: Connection) -> None:
    # Straight to the driver: a plain BEGIN touches no file and so cannot fail, and a statement through the whole engine costs 14 µs.
    driver: Any = connection.connection.driver_connection
    driver.execute("BEGIN")


def _begin(connection: Connection, statement: str) -> None:
    connection.exec_driver_sql(statement)


def _postgresql(url: URL, readers: int) -> Engines:
    bounds = f"-c statement_timeout={STATEMENT_SECONDS}s -c lock_timeout={LOCK_WAIT_SECONDS}s -c timezone=UTC"
    arguments = {"options": bounds, "connect_timeout": 5, "application_name": "sealwright"}
    common: dict[str, Any] = {**_QUIET, "connect_args": arguments, "pool_timeout": POOL_WAIT_SECONDS, "pool_pre_ping": False}
    write = create_engine(url, isolation_level="READ COMMITTED", pool_size=2, max_overflow=4, **common)
    # Each read is one statement or takes what it gets: without BEGIN and ROLLBACK it is one round trip instead of three. The readers
    # keep theirs for good; two more are for who asks beside them (the clock, readiness).
    read = create_engine(url, isolation_level="AUTOCOMMIT", pool_size=readers, max_overflow=2, **common)
    return Engines(write, read)
