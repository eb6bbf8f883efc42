"""Replicas of an issuer, as the tests of its keys need them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.databases import Database
from tests.support.keys import Replica


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """Where a replica writes down what it publishes."""
    return tmp_path / "data" / "published-keys.journal"


@pytest.fixture
def replica(database: Database) -> Iterator[Replica]:
    """A replica on SQLite."""
    made = Replica(database)
    yield made
    made.keyring.close()


@pytest.fixture
def any_replica(any_database: Database) -> Iterator[Replica]:
    """A replica on each kind of database."""
    made = Replica(any_database)
    yield made
    made.keyring.close()


@pytest.fixture
def journaled(any_database: Database, journal: Path) -> Iterator[Replica]:
    """A replica on each kind of database that keeps a journal."""
    made = Replica(any_database, journal=journal)
    yield made
    made.keyring.close()
