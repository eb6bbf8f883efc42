"""Real databases for tests: SQLite in a temporary folder, PostgreSQL in a cluster of our own.

A database is a copy of a template that was migrated once per session; on PostgreSQL, where a copy costs a fifth of a second, it is one that
another test is done with, put back to how it began. Its clock is a `FakeClock`: on SQLite through an SQL function,
on PostgreSQL through a one-row table outside the public schema.
"""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final, NoReturn

import pytest
from sqlalchemy import text

from auth_server.clock import DatabaseClock
from auth_server.store.engine import Engines, open_engines, parse_database_url
from auth_server.store.schema import METADATA
from auth_server.store.store import Store
from tests.support.clock import FakeClock
from tests.support.schema import build_schema

__all__ = ["Database", "FakeClock", "PostgresCluster", "SqliteTemplate"]

_BOUNDS: Final = "-c fsync=off -c full_page_writes=off -c synchronous_commit=off -c shared_buffers=32MB -c max_connections=60"
_VIRTUAL_CLOCK: Final = (
    "CREATE SCHEMA testing; CREATE TABLE testing.clock (ms bigint NOT NULL); INSERT INTO testing.clock VALUES (0)"
)
# A database whose tables a test has altered is not for another one.
_WATCH: Final = """
    CREATE TABLE testing.alteration (tag text);
    CREATE FUNCTION testing.note_alteration() RETURNS event_trigger LANGUAGE plpgsql
        AS $$ BEGIN INSERT INTO testing.alteration VALUES (tg_tag); END $$;
    CREATE EVENT TRIGGER alteration ON ddl_command_end EXECUTE FUNCTION testing.note_alteration();
    CREATE EVENT TRIGGER drop ON sql_drop EXECUTE FUNCTION testing.note_alteration()
"""
_OTHERS_LEAVE: Final = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


@dataclass
class Database:
    """One database of one test. Every store opened on it is a replica; all of them are closed with the database.

    Attributes:
        url: for `open_engines`.
        clock: the database's virtual clock.
    """

    url: str
    clock: FakeClock
    _stores: list[Store] = field(default_factory=list)
    _engines: list[Engines] = field(default_factory=list)

    @property
    def is_sqlite(self) -> bool:
        """Say which kind it is."""
        return self.url.startswith("sqlite")

    def engines(self) -> Engines:
        """Open engines whose statements read the virtual clock."""
        if self.is_sqlite:
            engines = open_engines(self.url, now_sql="virtual_now_ms()", on_connect=self._define_clock)
        else:
            engines = open_engines(self.url, now_sql="(SELECT ms FROM testing.clock)")
        self._engines.append(engines)
        return engines

    def execute(self, statement: str, **values: object) -> list[Any]:
        """Do something behind the store's back, and commit; return the rows, if there are any."""
        engines = self.engines()
        with engines.write.begin() as connection:
            result = connection.execute(text(statement), values)
            rows = list(result.all()) if result.returns_rows else []
        engines.dispose()
        return rows

    def store(self, clock: DatabaseClock | None = None) -> Store:
        """Open a store: one more replica. `clock` is that process's own; without it, it is the database's."""
        store = Store(self.engines(), clock=clock or self.clock)
        self._stores.append(store)
        return store

    def close(self) -> None:
        """Close every store."""
        for store in self._stores:
            store.close()
        for engines in self._engines:
            engines.dispose()

    def _define_clock(self, connection: Any) -> None:
        connection.create_function("virtual_now_ms", 0, lambda: self.clock.ms)


class SqliteTemplate:
    """An empty, migrated SQLite file, made once and copied for each test."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "template.sqlite3"
        engines = open_engines(f"sqlite:///{self._path}")
        build_schema(engines)
        engines.dispose()  # closing the last connection folds the write-ahead log into the file

    def create(self, folder: Path, clock: FakeClock) -> Database:
        """Copy the template into `folder`."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "database.sqlite3"
        shutil.copyfile(self._path, path)
        return Database(f"sqlite:///{path}", clock)


class PostgresCluster:
    """A PostgreSQL server of our own: socket only, no durability, gone with the session."""

    def __init__(self, binaries: Path) -> None:
        self._binaries = binaries
        self._owner = _unprivileged_user()
        self._numbers = itertools.count(1)
        self._used: list[str] = []
        # Not below pytest's folder: a socket's path has about 100 characters, and the server runs as another user.
        self.folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
        if self._owner is not None:
            os.chown(self.folder, *self._owner)
        self._command("initdb", "--username=postgres", "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C")
        options = f"-k {self.folder} -c listen_addresses='' {_BOUNDS}"
        self._command("pg_ctl", "--wait", f"--options={options}", f"--log={self.folder}/log", "start")
        self._watchdog = self._watch()
        self._template = self.create_empty()
        with self._connect(self._template) as connection:
            connection.execute(_VIRTUAL_CLOCK)
        engines = open_engines(self.url(self._template))
        build_schema(engines)
        engines.dispose()
        with self._connect(self._template) as connection:
            keep_rows(connection, "blank")
            connection.execute(_WATCH)

    def url(self, name: str) -> str:
        """Return the URL of a database of this cluster, for `open_engines`."""
        return parse_database_url(f"postgresql://postgres@/{name}?host={self.folder}")

    def create_empty(self) -> str:
        """Make a database without a single table and return its name."""
        return self._create("template0")

    def drop(self, name: str) -> None:
        """Remove a database, with whoever is still connected."""
        with self._connect("postgres") as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def database(self, clock: FakeClock) -> Iterator[Database]:
        """Yield a migrated database, empty, whose clock follows `clock`."""
        name = self._used.pop() if self._used else self._create(self._template)
        with self._connect(name) as connection:
            put_back_rows(connection, "blank")
            follow: Callable[[int], None] = partial(set_clock, connection)
            clock.watch(follow)
            database = Database(self.url(name), clock)
            yield database
            database.close()
            clock.unwatch(follow)
            (is_as_before,) = connection.execute("SELECT NOT EXISTS (TABLE testing.alteration)").fetchone()
            connection.execute(_OTHERS_LEAVE)
        if is_as_before:
            self._used.append(name)
        else:
            self.drop(name)

    def stop(self) -> None:
        """Stop the server and remove its folder."""
        assert self._watchdog.stdin is not None
        self._watchdog.stdin.close()
        self._watchdog.wait(60)

    def _watch(self) -> subprocess.Popen[bytes]:
        # Waits for the end of its input, which comes even when this process is killed; the server would outlive it.
        script = 'read -r _; "$0" -D "$1/data" --mode=immediate stop; rm -rf "$1"'
        command = ["sh", "-c", script, str(self._binaries / "pg_ctl"), str(self.folder)]
        quiet: dict[str, Any] = {
            "stdout": subprocess.DEVNULL,
            "stderr": subprocess.DEVNULL,
            "cwd": "/",
            "start_new_session": True,
        }
        return subprocess.Popen(command, stdin=subprocess.PIPE, **quiet, **self._as_owner())

    def _create(self, template: str) -> str:
        name = f"test_{next(self._numbers)}"
        with self._connect("postgres") as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    def _connect(self, name: str) -> Any:
        import psycopg

        return psycopg.connect(f"host={self.folder} user=postgres dbname={name}", autocommit=True)

    def _as_owner(self) -> dict[str, Any]:
        return {} if self._owner is None else {"user": self._owner[0], "group": self._owner[1], "extra_groups": []}

    def _command(self, name: str, *arguments: str) -> None:
        command = [str(self._binaries / name), "-D", str(self.folder / "data"), *arguments]
        log = self.folder / "commands.log"
        with log.open("ab") as output:  # a pipe would be kept open by the server that outlives pg_ctl
            done = subprocess.run(command, check=False, stdout=output, stderr=output, cwd="/", timeout=120, **self._as_owner())
        if done.returncode != 0:
            raise RuntimeError(f"{name} failed: {log.read_text()}")


def find_postgres() -> Path | None:
    """Return the folder that holds `initdb` and `pg_ctl`, the newest version first; None when there is none."""
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name), reverse=True)
    on_path = [Path(found).parent for found in [shutil.which("initdb")] if found]
    return next((path for path in installed + on_path if (path / "initdb").exists() and (path / "pg_ctl").exists()), None)


def skip_or_fail(reason: str) -> NoReturn:
    """Leave a test for want of a service; with REQUIRE_ALL=1 that is a failure."""
    if os.environ.get("REQUIRE_ALL") == "1":
        pytest.fail(f"REQUIRE_ALL=1: {reason}")
    pytest.skip(reason)


def _unprivileged_user() -> tuple[int, int] | None:
    """Return whom the server runs as when we are root, which it refuses to be."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return entry.pw_uid, entry.pw_gid
    return None


def keep_rows(connection: Any, schema: str) -> None:
    """Keep a copy of every row, to come back to."""
    connection.execute(f"CREATE SCHEMA {schema}")
    for table in METADATA.tables:
        connection.execute(f"CREATE TABLE {schema}.{table} AS TABLE public.{table}")


def put_back_rows(connection: Any, schema: str) -> None:
    """Put back the rows that were kept in `schema`, and none but them."""
    # A replica's rows are taken as they come: in any order, whatever refers to what.
    emptied = [f"DELETE FROM public.{table}" for table in METADATA.tables]
    restored = [f"INSERT INTO public.{table} SELECT * FROM {schema}.{table}" for table in METADATA.tables]
    with connection.transaction():
        connection.execute("; ".join(["SET LOCAL session_replication_role = replica", *emptied, *restored]))


def set_clock(connection: Any, ms: int) -> None:
    """Set a database's virtual clock."""
    connection.execute("UPDATE testing.clock SET ms = %s", (ms,))
