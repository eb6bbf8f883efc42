"""Roles, on both databases."""

from __future__ import annotations

import asyncio

import pytest

from auth_server.store.accounts import NewAccount
from auth_server.store.store import Store

pytestmark = pytest.mark.anyio


async def some_roles(store: Store, *subs: str) -> None:
    def work(tx) -> None:
        for sub in subs:
            tx.accounts.create(NewAccount(sub, sub, sub, None, None, False))
        tx.roles.create("editor", "writes")
        tx.roles.create("empty")
        for permission in ("notes:read", "notes:write"):
            tx.roles.add_permission("editor", permission)

    await store.run(work)


async def test_roles_carry_permissions_and_descriptions(any_store: Store) -> None:
    await some_roles(any_store)

    assert await any_store.read(lambda tx: tx.roles.all()) == {
        "editor": frozenset({"notes:read", "notes:write"}),
        "empty": frozenset(),
    }
    assert await any_store.read(lambda tx: tx.roles.descriptions()) == {"editor": "writes", "empty": ""}


async def test_there_is_one_role_of_a_name(any_store: Store) -> None:
    created = await asyncio.gather(*(any_store.run(lambda tx: tx.roles.create("editor")) for _ in range(10)))

    assert sum(created) == 1


async def test_permissions_are_added_and_removed_once(any_store: Store) -> None:
    await some_roles(any_store)

    assert [await any_store.run(lambda tx: tx.roles.add_permission("empty", "x")) for _ in range(2)] == [True, False]
    assert [await any_store.run(lambda tx: tx.roles.remove_permission("empty", "x")) for _ in range(2)] == [True, False]


async def test_roles_are_given_and_taken_once(any_store: Store) -> None:
    await some_roles(any_store, "alice")

    assert [await any_store.run(lambda tx: tx.roles.grant("alice", "editor")) for _ in range(2)] == [True, False]
    assert await any_store.read(lambda tx: tx.roles.of("alice")) == {"editor"}
    assert [await any_store.run(lambda tx: tx.roles.revoke("alice", "editor")) for _ in range(2)] == [True, False]
    assert await any_store.read(lambda tx: tx.roles.of("alice")) == frozenset()


async def test_what_is_not_there_is_an_answer_and_not_an_error(any_store: Store) -> None:
    """A foreign key's error would spoil the whole unit of work on PostgreSQL."""
    await some_roles(any_store, "alice")

    answers = await any_store.run(
        lambda tx: [
            tx.roles.grant("alice", "no-such-role"),
            tx.roles.grant("nobody", "editor"),
            tx.roles.add_permission("no-such-role", "x"),
            tx.roles.remove_permission("no-such-role", "x"),
            tx.roles.revoke("nobody", "editor"),
            tx.roles.delete("no-such-role"),
            tx.roles.exists("no-such-role"),
        ]
    )

    assert answers == [False] * 7


async def test_a_deleted_role_is_taken_from_everybody(any_store: Store) -> None:
    await some_roles(any_store, "alice", "bob")
    for sub in ("alice", "bob"):
        await any_store.run(lambda tx, sub=sub: tx.roles.grant(sub, "editor"))
    assert await any_store.read(lambda tx: tx.roles.holders("editor", 10)) == ["alice", "bob"]
    assert await any_store.read(lambda tx: tx.roles.holders("editor", 1)) == ["alice"]

    assert await any_store.run(lambda tx: tx.roles.delete("editor"))
    assert await any_store.read(lambda tx: [tx.roles.of("alice"), tx.roles.of("bob")]) == [frozenset(), frozenset()]
    assert await any_store.read(lambda tx: tx.roles.all()) == {"empty": frozenset()}
