"""The fixtures themselves: a fresh database each, under the virtual clock."""

from __future__ import annotations

import pytest

from auth_server.store.store import Store
from auth_server.store.transaction import Transaction
from tests.support.clock import FakeClock


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
