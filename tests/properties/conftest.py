"""A running auth server, and databases for the world of keys, for the tests below this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.properties.key_world.databases import KeyDatabase, on_postgres, on_sqlite
from tests.support.databases import SqliteTemplate
from tests.support.issuers import (
    any_issuer,
    any_issuer_database,
    issuer,
    issuer_database,
    prepared_postgres,
    prepared_sqlite,
)

__all__ = ["any_issuer", "any_issuer_database", "issuer", "issuer_database", "prepared_postgres", "prepared_sqlite"]


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
