"""The fixtures themselves: a fresh database each, under the virtual clock."""

from __future__ import annotations

import pytest

from auth_server.store.store import Store
from auth_server.store.transaction import Transaction
from tests.support.clock import FakeClock
from tests.support.databases import PostgresCluster


@pytest.mark.anyio
async def test_the_database_tells_virtual_time(any_store: Store, clock: FakeClock) -> None:
    clock.advance(90.5)

    assert await any_store.read(Transaction.now_ms) == clock.ms
    assert await any_store.run(Transaction.now_ms) == clock.ms


@pytest.mark.parametrize("name", ["first", "second"])
def test_each_test_has_a_database_of_its_own(any_store: Store, name: str) -> None:
    before = any_store.run_blocking(lambda tx: tx.directory.version())
    any_store.run_blocking(lambda tx: tx.directory.bump())

    assert (before, any_store.read_blocking(lambda tx: tx.directory.version())) == (0, 1)


def test_the_template_is_at_the_newest_schema(any_store: Store) -> None:
    assert any_store.is_at_head()


@pytest.mark.postgres
def test_a_database_that_comes_again_is_as_it_began(postgres_cluster: PostgresCluster) -> None:
    seen = []
    for statement in (
        "INSERT INTO role VALUES ('left-over', '')",
        "DELETE FROM directory_version",
        "CREATE TABLE left_over (x int)",
        "SELECT 1",
    ):
        for database in postgres_cluster.database(FakeClock()):
            assert database.execute("SELECT * FROM role") == []
            assert len(database.execute("SELECT * FROM directory_version")) == 1
            database.execute(statement)
            seen.append(database.url)

    # Rows are put back; a database that has another table than before is not for another test.
    assert seen[0] == seen[1] == seen[2] != seen[3]


@pytest.mark.postgres
def test_whoever_is_still_connected_is_gone_when_a_database_comes_again(postgres_cluster: PostgresCluster) -> None:
    left = []
    for database in postgres_cluster.database(FakeClock()):
        left.append(database.engines().write.connect())
        database._engines.clear()  # so that it is not closed with the database
        left[0].exec_driver_sql("LOCK TABLE role")

    for database in postgres_cluster.database(FakeClock()):
        assert database.execute("SELECT * FROM role") == []
    left[0].invalidate()
    left[0].close()
