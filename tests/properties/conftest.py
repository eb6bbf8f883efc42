"""Databases for the world of keys, for the tests below this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.properties.key_world.databases import KeyDatabase, on_postgres, on_sqlite
from tests.support.databases import SqliteTemplate


@pytest.fixture(scope="session")
def sqlite_key_database(sqlite_template: SqliteTemplate) -> Iterator[KeyDatabase]:
    """One for all tests: whoever uses it begins with an empty one."""
    with on_sqlite(sqlite_template) as database:
        yield database


@pytest.fixture(scope="session")
def postgres_key_database(request: pytest.FixtureRequest) -> Iterator[KeyDatabase]:
    """The same on PostgreSQL."""
    with on_postgres(request.getfixturevalue("postgres_cluster")) as database:
        yield database


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def any_key_database(request: pytest.FixtureRequest) -> KeyDatabase:
    """Each in turn."""
    database: KeyDatabase = request.getfixturevalue(
        "sqlite_key_database" if request.param == "sqlite" else "postgres_key_database"
    )
    return database
