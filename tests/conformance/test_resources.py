"""Resources on both databases."""

from __future__ import annotations

import pytest

from auth_server.protocol.resource import Resource
from auth_server.resources.service import ResourceRefused, Resources
from auth_server.store.freshness import Freshness
from auth_server.store.store import Store
from tests.support.builders import NOTES, a_resource


def _resources(store: Store) -> Resources:
    return Resources(store, Freshness(store))


@pytest.mark.parametrize(
    "resource",
    [
        a_resource(),
        a_resource(scopes=[], requires={}, first_party=False, access_token_lifetime=60),
        a_resource(permissions=frozenset({"notes:admin", "notes:own"})),
    ],
)
async def test_what_is_created_is_found_again(any_store: Store, resource: Resource) -> None:
    resources = _resources(any_store)

    assert await resources.create(resource)

    assert await resources.all() == {NOTES: resource}


async def test_an_identifier_is_taken_once(any_store: Store) -> None:
    resources = _resources(any_store)
    await resources.create(a_resource())

    assert not await resources.create(a_resource(scopes=["other"], requires={}))

    assert (await resources.all())[NOTES] == a_resource()


async def test_a_description_that_makes_no_sense_is_refused_whole(any_store: Store) -> None:
    with pytest.raises(ResourceRefused) as refused:
        await _resources(any_store).create(a_resource("relative", scopes=["openid"], requires={}))

    assert len(refused.value.faults) == 2
    assert await _resources(any_store).all() == {}


async def test_a_deleted_resource_takes_its_scopes_along(any_store: Store) -> None:
    resources = _resources(any_store)
    await resources.create(a_resource())

    assert [await resources.delete(NOTES), await resources.delete(NOTES)] == [True, False]

    assert await resources.all() == {}
    assert await resources.create(a_resource(scopes=[], requires={}))
    assert (await resources.all())[NOTES].scopes == {}


async def test_creating_and_deleting_are_told(any_store: Store) -> None:
    resources = _resources(any_store)
    before = any_store.read_blocking(lambda tx: tx.directory.version())
    await resources.create(a_resource())
    await resources.delete(NOTES)

    assert any_store.read_blocking(lambda tx: tx.directory.version()) == before + 2
    assert [event[1].count('"name":"resource.') for event in any_store.read_blocking(lambda tx: tx.audit_events.since(0, 9))] == [
        1,
        1,
    ]
