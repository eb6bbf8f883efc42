"""The migrations and the tables in `store/` describe one schema, on both databases."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

from auth_server.protocol.errors import StoreUnavailable
from auth_server.store.engine import Engines, open_engines
from auth_server.store.migrate import configuration, upgrade
from auth_server.store.schema import HEAD, METADATA
from auth_server.store.store import Store
from tests.support.databases import PostgresCluster

# What PostgreSQL itself says of the public schema, in its own words.
_POSTGRES_CATALOG = """
SELECT 'column', table_name || '.' || column_name, data_type || ' ' || is_nullable || ' ' || coalesce(column_default, '')
  FROM information_schema.columns WHERE table_schema = 'public'
UNION ALL SELECT 'index', indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
UNION ALL SELECT 'constraint', conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = 'public'::regnamespace
"""


class EmptyDatabases:
    """Databases without a table: one to migrate, one to compare it with."""

    def __init__(self, folder: Path, cluster: PostgresCluster | None) -> None:
        self._folder = folder
        self._cluster = cluster
        self._opened: list[Engines] = []
        self._names: list[str] = []

    def create(self) -> str:
        """Return the URL of a new one."""
        self._names.append(name := self._cluster.create_empty() if self._cluster else f"empty{len(self._names)}")
        return self._cluster.url(name) if self._cluster else f"sqlite:///{self._folder / name}.sqlite3"

    def open(self, url: str) -> Engines:
        """Open one."""
        self._opened.append(engines := open_engines(url))
        return engines

    def close(self) -> None:
        for engines in self._opened:
            engines.dispose()
        if self._cluster:
            for name in self._names:
                self._cluster.drop(name)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def databases(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[EmptyDatabases]:
    cluster = request.getfixturevalue("postgres_cluster") if request.param == "postgresql" else None
    made = EmptyDatabases(tmp_path, cluster)
    yield made
    made.close()


def test_one_call_brings_an_empty_database_to_the_newest_schema(databases: EmptyDatabases) -> None:
    url = databases.create()

    upgrade(databases.open(url))

    store = Store(databases.open(url))
    assert store.is_at_head()
    assert store.read_blocking(lambda tx: (tx.revocations.head(), tx.directory.version())) == (0, 0)
    store.close()


def test_the_migrations_make_the_tables_that_the_store_describes(databases: EmptyDatabases) -> None:
    engines = databases.open(databases.create())
    upgrade(engines)

    with engines.write.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, METADATA) == []


def test_indexes_with_conditions_and_checks_are_the_same_too(databases: EmptyDatabases) -> None:
    """Alembic compares neither: so the databases themselves are asked what they hold."""
    migrated, described = databases.open(databases.create()), databases.open(databases.create())
    upgrade(migrated)
    with described.write.begin() as connection:
        METADATA.create_all(connection)

    assert _catalog(migrated) == _catalog(described)


def test_an_upgrade_of_the_newest_schema_changes_nothing(databases: EmptyDatabases) -> None:
    engines = databases.open(databases.create())
    upgrade(engines)
    with engines.write.begin() as connection:
        connection.execute(text("UPDATE feed_head SET seq = 7"))
    before = _catalog(engines)

    upgrade(engines)

    with engines.read.connect() as connection:
        assert connection.execute(text("SELECT seq FROM feed_head")).scalars().all() == [7]
    assert _catalog(engines) == before


def test_two_upgrades_at_once_take_turns(databases: EmptyDatabases) -> None:
    """PostgreSQL: an advisory lock. SQLite: one writer at a time. Alembic itself keeps one configuration a process, so the first
    is played by its lock alone, and gives it back when the second has begun to wait."""
    url = databases.create()
    first, second = databases.open(url), databases.open(url)
    failed: list[StoreUnavailable] = []

    def upgrade_second() -> None:
        try:
            upgrade(second)
        except StoreUnavailable as error:
            failed.append(error)

    with first.write.begin() as connection:
        if not first.is_sqlite:
            connection.execute(text("SELECT pg_advisory_xact_lock(7325518066741204)"))
        thread = threading.Thread(target=upgrade_second)
        thread.start()
        thread.join(timeout=0.3)
        assert thread.is_alive()
        assert not inspect(first.read).has_table("key_ring")
    thread.join(timeout=20)

    assert (thread.is_alive(), failed) == (False, [])
    assert inspect(first.read).has_table("key_ring")


def test_a_database_ahead_of_this_program_is_refused(databases: EmptyDatabases) -> None:
    engines = databases.open(databases.create())
    upgrade(engines)
    with engines.write.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(StoreUnavailable):
        upgrade(engines)


def test_a_database_that_cannot_be_reached_is_our_own_error(tmp_path: Path) -> None:
    engines = open_engines("postgresql+psycopg://nobody@/nothing?host=/nonexistent")

    with pytest.raises(StoreUnavailable):
        upgrade(engines)
    engines.dispose()


def test_the_code_names_the_newest_migration(tmp_path: Path) -> None:
    """`serve` looks at this name instead of importing Alembic."""
    engines = open_engines(f"sqlite:///{tmp_path / 'any.sqlite3'}")
    with engines.read.connect() as connection:
        script = ScriptDirectory.from_config(configuration(connection))
    engines.dispose()

    assert script.get_heads() == [HEAD]


def _catalog(engines: Engines) -> list[tuple[Any, ...]]:
    statement = _POSTGRES_CATALOG
    if engines.is_sqlite:
        statement = "SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL"
    with engines.read.connect() as connection:
        rows = connection.execute(text(statement)).all()
    return sorted((kind, name, _sorted_lines(sql)) for kind, name, sql in rows if "alembic_version" not in sql + name)


def _sorted_lines(definition: str) -> list[str]:
    # Alembic writes the constraints of a table in another order, SQLite puts each added column behind the last one on its line, and it
    # quotes the name of a table that was made under another one.
    lines = [part for line in definition.replace('"', "").splitlines() for part in re.split(r", (?![^(]*\))", line)]
    return sorted(line.strip().rstrip(",") for line in lines if line.strip())
