"""Roles are made, changed, given and taken, and what is taken is taken at once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from auth_server.roles import service
from auth_server.roles.service import Role, RoleRefused, UnknownRole
from tests.support.people import People

pytestmark = pytest.mark.anyio


def version(persons: People) -> int:
    return persons.store.read_blocking(lambda tx: tx.directory.version())


async def an_editor(persons: People) -> str:
    account = await persons.alice()
    await persons.roles.create("editor", ["notes:write", "notes:read"], description="writes notes")
    await persons.roles.grant(account.sub, "editor")
    return account.sub


async def test_a_role_carries_its_permissions(persons: People) -> None:
    assert await persons.roles.create("editor", ["notes:write", "notes:read"], description="writes notes")
    assert await persons.roles.create("empty")

    assert await persons.roles.list() == [
        Role("editor", "writes notes", frozenset({"notes:read", "notes:write"})),
        Role("empty", "", frozenset()),
    ]
    assert persons.events()[0]["detail"] == {"role": "editor", "permissions": "notes:read notes:write"}


async def test_a_role_that_is_there_is_left_as_it_is(persons: People) -> None:
    await persons.roles.create("editor", ["notes:read"])
    before = version(persons)

    assert not await persons.roles.create("editor", ["everything"])
    assert (await persons.roles.list())[0].permissions == {"notes:read"}
    assert version(persons) == before


async def test_a_malformed_role_is_refused_with_every_fault(persons: People) -> None:
    with pytest.raises(RoleRefused) as refused:
        await persons.roles.create("two words", ["also two words"])

    assert len(refused.value.faults) == 2
    with pytest.raises(RoleRefused):
        await persons.roles.add_permission("editor", "two words")


DEFINITIONS: list[Callable[[People], Awaitable[bool]]] = [
    lambda persons: persons.roles.create("viewer", ["notes:read"]),
    lambda persons: persons.roles.add_permission("editor", "notes:delete"),
    lambda persons: persons.roles.remove_permission("editor", "notes:write"),
    lambda persons: persons.roles.delete("editor"),
]


@pytest.mark.parametrize("change", DEFINITIONS)
async def test_every_process_learns_of_a_changed_definition(persons: People, change: Callable[[People], Awaitable[bool]]) -> None:
    await an_editor(persons)
    before = version(persons)

    assert await change(persons)
    assert version(persons) == before + 1


async def test_a_permission_is_added_and_removed_once(persons: People) -> None:
    await persons.roles.create("editor")

    assert [await persons.roles.add_permission("editor", "notes:write") for _ in range(2)] == [True, False]
    assert [await persons.roles.remove_permission("editor", "notes:write") for _ in range(2)] == [True, False]


async def test_a_role_is_given_and_taken_once(persons: People) -> None:
    account = await persons.alice()
    await persons.roles.create("editor")

    assert [await persons.roles.grant(account.sub, "editor") for _ in range(2)] == [True, False]
    assert await persons.roles.of(account.sub) == {"editor"}
    assert [await persons.roles.revoke(account.sub, "editor") for _ in range(2)] == [True, False]
    assert await persons.roles.of(account.sub) == frozenset()
    assert persons.names_of_events()[-2:] == ["role.granted", "role.revoked"]


TAKINGS: list[Callable[[People, str], Awaitable[bool]]] = [
    lambda persons, sub: persons.roles.revoke(sub, "editor"),
    lambda persons, sub: persons.roles.remove_permission("editor", "notes:write"),
    lambda persons, sub: persons.roles.delete("editor"),
]


@pytest.mark.parametrize("take", TAKINGS)
async def test_what_is_taken_is_taken_from_tokens_that_are_out(
    persons: People, take: Callable[[People, str], Awaitable[bool]]
) -> None:
    sub = await an_editor(persons)
    assert persons.feed() == []

    assert await take(persons, sub)
    assert persons.feed() == [("sub_nbf", sub)]


async def test_a_role_that_very_many_have_runs_out_with_their_tokens(persons: People, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "MAX_REVOKED_HOLDERS", 2)
    await persons.roles.create("member", ["notes:read", "notes:write"])
    for number in range(3):
        created = await persons.registration.create_by_operator(username=f"member{number}", roles=("member",))
        assert created.is_new

    assert await persons.roles.remove_permission("member", "notes:write")
    assert persons.feed() == []


async def test_what_is_not_there_cannot_be_given_or_changed(persons: People) -> None:
    account = await persons.alice()
    await persons.roles.create("editor")

    for act in (
        lambda: persons.roles.grant(account.sub, "no-such-role"),
        lambda: persons.roles.grant("nobody", "editor"),
        lambda: persons.roles.add_permission("no-such-role", "notes:read"),
        lambda: persons.roles.remove_permission("no-such-role", "notes:read"),
    ):
        with pytest.raises(UnknownRole):
            await act()
    assert not await persons.roles.delete("no-such-role")
    assert not await persons.roles.revoke(account.sub, "editor")
