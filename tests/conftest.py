"""Fixtures that any test may ask for: a virtual clock, and stores on real databases."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from auth_server.store.store import Store
from tests.support.clock import FakeClock
from tests.support.databases import Database, PostgresCluster, SqliteTemplate, find_postgres, skip_or_fail


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Run async tests on asyncio alone: the servers run on nothing else."""
    return "asyncio"


@pytest.fixture
def clock() -> FakeClock:
    """The time of this test: of its processes and of its database."""
    return FakeClock()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> SqliteTemplate:
    """A migrated SQLite file to copy."""
    return SqliteTemplate(tmp_path_factory.mktemp("sqlite"))


@pytest.fixture(scope="session")
def postgres_cluster() -> Iterator[PostgresCluster]:
    """A PostgreSQL server of our own; skips, or fails with REQUIRE_ALL=1, where there are no binaries to start."""
    binaries = find_postgres()
    if binaries is None:
        skip_or_fail("no PostgreSQL server binaries (initdb, pg_ctl) were found")
    if find_spec("psycopg") is None:
        skip_or_fail("the PostgreSQL driver is not installed")
    cluster = PostgresCluster(binaries)
    yield cluster
    cluster.stop()


@pytest.fixture
def database(sqlite_template: SqliteTemplate, tmp_path: Path, clock: FakeClock) -> Iterator[Database]:
    """A migrated SQLite database."""
    made = sqlite_template.create(tmp_path / "database", clock)
    yield made
    made.close()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def any_database(request: pytest.FixtureRequest, clock: FakeClock) -> Iterator[Database]:
    """A migrated database of each kind in turn."""
    if request.param == "sqlite":
        yield request.getfixturevalue("database")
    else:
        yield from request.getfixturevalue("postgres_cluster").database(clock)


@pytest.fixture
def store(database: Database) -> Store:
    """A store on SQLite, on the virtual clock."""
    return database.store()


@pytest.fixture
def any_store(any_database: Database) -> Store:
    """A store on SQLite, then on PostgreSQL, on the virtual clock."""
    return any_database.store()
