"""Status lists on both databases: no index twice, the right bits, and rows that go away."""

from __future__ import annotations

import asyncio
import itertools
import secrets
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

import pytest

from auth_server.revocation.feed import Feed
from auth_server.store.status_lists import BLOCK_INDEXES, BLOCKS_OF_A_LIST, StatusToken
from auth_server.store.store import Store
from auth_server.store.transaction import Transaction
from auth_server.tokens.statuses import LEASE_SECONDS, Statuses
from shared.key_policy import KeyPolicy
from tests.support.clock import FakeClock
from tests.support.databases import Database

POLICY = KeyPolicy()
FEED = Feed(POLICY)
ISSUER = "https://id.example"


def _token(index: int, now: int, list_id: str = "list", **changes: object) -> StatusToken:
    values = {"jti": f"jti-{index}", "sub": "s", "client_id": "c", "grant_id": None, "sid": None, "issued_at": now}
    return StatusToken(list_id, index, until=now + 720, **(values | changes))  # type: ignore[arg-type]


def _add(tx: Transaction, tokens: Iterable[StatusToken]) -> None:
    for token in tokens:
        assert tx.status_lists.add(token)


def _open(tx: Transaction, *list_ids: str) -> None:
    for list_id in list_ids:
        tx.status_lists.close_all()  # or the block would be one of an open list
        assert tx.status_lists.lease(list_id, until=10) is not None


def _lease(store: Store, until: int = 10) -> tuple[str, int]:
    while (block := store.run_blocking(lambda tx: tx.status_lists.lease(secrets.token_urlsafe(), until=until))) is None:
        pass
    return block.list_id, block.number


def test_four_replicas_that_lease_at_once_never_get_the_same_block(any_database: Database) -> None:
    replicas = [any_database.store() for _ in range(4)]

    with ThreadPoolExecutor(4) as threads:
        leased = threads.map(lambda store: [_lease(store) for _ in range(30)], replicas)
        blocks = [block for several in leased for block in several]

    assert len(set(blocks)) == len(blocks) == 120
    # A hundred to a list; only where two began a list in the same moment there is one more.
    assert len({list_id for list_id, _ in blocks}) <= 5
    assert all(0 <= number < BLOCKS_OF_A_LIST for _, number in blocks)


def test_who_saw_an_older_count_takes_nothing(any_store: Store) -> None:
    """The compare-and-set itself: between the look and the step somebody else stepped."""
    _lease(any_store)

    def overtaken(tx: Transaction) -> object:
        lists = tx.status_lists
        execute, calls = tx._connection.execute, []

        class Overtaking:
            def execute(self, statement: object, *rest: object) -> object:
                calls.append(statement)
                if len(calls) == 2:
                    assert lists.__class__(tx._connection).lease("unused", until=10) is not None
                return execute(statement, *rest)  # type: ignore[call-overload]

        return lists.__class__(Overtaking()).lease("unused", until=10)  # type: ignore[arg-type]

    assert any_store.run_blocking(overtaken) is None
    assert _lease(any_store)[1] == 2


async def test_four_replicas_draw_every_index_once_and_in_no_order(any_database: Database) -> None:
    replicas = [Statuses(any_database.store(), ISSUER, POLICY) for _ in range(4)]

    async def draw(statuses: Statuses) -> list[tuple[str, int]]:
        return [await statuses.draw() for _ in range(BLOCK_INDEXES + 1)]

    drawn = await asyncio.gather(*(draw(statuses) for statuses in replicas))

    places = [place for several in drawn for place in several]
    assert len(set(places)) == len(places)
    for several in drawn:
        first = [index for _, index in several[:BLOCK_INDEXES]]
        assert sorted(first) == list(range(min(first), min(first) + BLOCK_INDEXES))
        rising = sum(after > before for before, after in itertools.pairwise(first))
        assert BLOCK_INDEXES * 0.4 < rising < BLOCK_INDEXES * 0.6
        assert sum(abs(after - before) == 1 for before, after in itertools.pairwise(first)) < 100


async def test_many_at_once_share_one_block(store: Store) -> None:
    statuses = Statuses(store, ISSUER, POLICY)

    places = await asyncio.gather(*(statuses.draw() for _ in range(64)))

    assert len(set(places)) == 64
    assert {index // BLOCK_INDEXES for _, index in places} == {0}


async def test_a_block_is_let_go_when_its_lease_is_over(store: Store, clock: FakeClock) -> None:
    statuses = Statuses(store, ISSUER, POLICY)
    _, before = await statuses.draw()

    clock.advance(LEASE_SECONDS + 1)
    store.synchronise_clock()
    _, after = await statuses.draw()

    assert (before // BLOCK_INDEXES, after // BLOCK_INDEXES) == (0, 1)


async def test_each_kind_of_revocation_sets_the_bits_of_its_tokens_alone(any_store: Store) -> None:
    now = any_store.clock.now()
    alike = {"grant_id": "g0", "sid": "sid0", "sub": "s0", "client_id": "c0"}
    tokens = [
        _token(0, now, **alike),
        _token(1, now, **alike | {"grant_id": "g1"}),
        _token(2, now, **alike | {"sid": "sid1"}),
        _token(3, now, **alike | {"sub": "s1"}),
        _token(4, now, **alike | {"client_id": "c1"}),
        _token(5, now),
        # What was issued after the bound of a revocation lives.
        _token(6, now + 60, sub="s1"),
        _token(7, now + 60, client_id="c1"),
        _token(8, now, "another", **alike | {"grant_id": "g1"}),
    ]
    await any_store.run(lambda tx: _open(tx, "list", "another"))
    await any_store.run(lambda tx: _add(tx, tokens))

    async def after(act: object) -> list[int] | None:
        await any_store.run(act)  # type: ignore[arg-type]
        return await any_store.read(lambda tx: tx.status_lists.revoked("list"))

    assert await after(lambda tx: None) == []
    assert await after(lambda tx: FEED.revoke_grant(tx, "g1")) == [1]
    assert await after(lambda tx: FEED.revoke_session(tx, "sid1")) == [1, 2]
    assert await after(lambda tx: FEED.revoke_subject(tx, "s1")) == [1, 2, 3]
    assert await after(lambda tx: FEED.revoke_client(tx, "c1")) == [1, 2, 3, 4]
    assert await after(lambda tx: FEED.revoke_token(tx, "jti-5")) == [1, 2, 3, 4, 5]
    # A value of one kind is no value of another.
    assert await after(lambda tx: FEED.revoke_grant(tx, "sid0")) == [1, 2, 3, 4, 5]
    assert await after(FEED.revoke_all) == [0, 1, 2, 3, 4, 5]


async def test_there_is_no_list_that_nobody_leased(any_store: Store) -> None:
    assert await any_store.read(lambda tx: tx.status_lists.revoked("list")) is None


async def test_no_token_gets_a_place_in_a_list_that_is_not_there(any_store: Store) -> None:
    assert not await any_store.run(lambda tx: tx.status_lists.add(_token(0, 0)))

    await any_store.run(lambda tx: _open(tx, "list"))
    assert await any_store.run(lambda tx: tx.status_lists.add(_token(0, 0)))


async def test_expired_tokens_are_forgotten_and_a_list_is_retired_with_the_last_of_them(any_store: Store) -> None:
    await any_store.run(lambda tx: [tx.status_lists.lease("full", until=100) for _ in range(BLOCKS_OF_A_LIST)])
    await any_store.run(lambda tx: tx.status_lists.lease("open", until=50))
    await any_store.run(lambda tx: _add(tx, [_token(i, i, "full") for i in range(3)]))

    assert await any_store.run(lambda tx: tx.status_lists.forget(722, limit=10)) == 2
    assert await any_store.run(lambda tx: tx.status_lists.retire(100)) == 0
    # Its end is over. But a token is in it that lives on: in a restored database the end of a list is older than its leases.
    assert await any_store.run(lambda tx: tx.status_lists.retire(101)) == 0
    assert await any_store.run(lambda tx: tx.status_lists.forget(723, limit=10)) == 1
    assert await any_store.run(lambda tx: tx.status_lists.retire(101)) == 1
    # The open one stays, however old: tokens may still be given a place in it.
    assert await any_store.read(lambda tx: tx.status_lists.revoked("full")) is None
    assert await any_store.read(lambda tx: tx.status_lists.revoked("open")) == []


async def test_a_lists_end_is_that_of_its_longest_lease(any_store: Store) -> None:
    ends = (500, *[100] * (BLOCKS_OF_A_LIST - 1))
    await any_store.run(lambda tx: [tx.status_lists.lease("full", until=until) for until in ends])

    assert await any_store.run(lambda tx: tx.status_lists.retire(500)) == 0


async def test_after_a_restore_no_index_of_an_old_list_is_given(any_store: Store) -> None:
    await any_store.run(lambda tx: tx.status_lists.lease("old", until=100))
    await any_store.run(lambda tx: tx.status_lists.close_all())

    block = await any_store.run(lambda tx: tx.status_lists.lease("new", until=100))

    assert block is not None
    assert (block.list_id, block.number) == ("new", 0)


@pytest.mark.parametrize("limit", [1, 2])
async def test_no_more_rows_are_forgotten_than_was_said(any_store: Store, limit: int) -> None:
    await any_store.run(lambda tx: _open(tx, "list"))
    await any_store.run(lambda tx: _add(tx, [_token(i, 0) for i in range(3)]))

    assert await any_store.run(lambda tx: tx.status_lists.forget(10_000, limit=limit)) == limit
