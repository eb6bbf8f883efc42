"""Named secrets: replicas agree on them, and nobody else reads them."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import text

from auth_server.keys.sealing import CannotUnseal, KeyEncryptionKeyMissing, KeyEncryptionKeys
from auth_server.keys.server_secrets import KNOWN_DEVICE, REFRESH_MAC, ServerSecrets
from auth_server.store.store import Store
from tests.support.clock import FakeClock
from tests.support.databases import Database
from tests.support.keys import KEK, OTHER_KEK


def secrets_of(store: Store, *keks: bytes) -> ServerSecrets:
    return ServerSecrets(store=store, key_encryption_keys=KeyEncryptionKeys(keks or [KEK]))


async def test_a_secret_is_made_on_first_use_and_stays(any_store: Store) -> None:
    first = await secrets_of(any_store).load(REFRESH_MAC)

    again = await secrets_of(any_store).load(REFRESH_MAC)

    assert again == first
    assert (first.current_id, len(first.current), list(first.values)) == (0, 32, [0])


async def test_each_name_has_its_own_secret(any_store: Store) -> None:
    secrets = secrets_of(any_store)

    assert (await secrets.load(REFRESH_MAC)).current != (await secrets.load(KNOWN_DEVICE)).current


async def test_replicas_that_ask_at_once_get_the_same(any_database: Database) -> None:
    replicas = [secrets_of(any_database.store()) for _ in range(4)]

    answers = await asyncio.gather(*(each.load(REFRESH_MAC) for each in replicas))

    assert len({answer.current for answer in answers}) == 1
    created = any_database.store().read_blocking(lambda tx: tx.audit_events.since(0, 10))
    assert len(created) == 1


async def test_a_rotated_secret_still_verifies_what_the_old_one_made(any_store: Store, clock: FakeClock) -> None:
    secrets = secrets_of(any_store)
    old = await secrets.load(REFRESH_MAC)
    clock.advance(60)

    new = await secrets.rotate(REFRESH_MAC)

    assert new.current_id == 1
    assert new.values[0] == old.current
    assert await secrets.load(REFRESH_MAC) == new


async def test_ids_fit_into_one_byte(any_store: Store) -> None:
    secrets = secrets_of(any_store)
    for _ in range(3):
        await secrets.rotate(REFRESH_MAC)
    any_store.run_blocking(lambda tx: tx._connection.execute(text("UPDATE server_secret SET id = 255 WHERE id = 3")))
    with pytest.raises(CannotUnseal):
        await secrets.load(REFRESH_MAC)
    any_store.run_blocking(lambda tx: tx._connection.execute(text("UPDATE server_secret SET id = 3 WHERE id = 255")))

    assert sorted((await secrets.load(REFRESH_MAC)).values) == [0, 1, 2, 3]


async def test_a_secret_under_a_lost_key_has_a_clear_error(any_store: Store) -> None:
    await secrets_of(any_store).load(REFRESH_MAC)

    with pytest.raises(KeyEncryptionKeyMissing):
        await secrets_of(any_store, OTHER_KEK).load(REFRESH_MAC)


async def test_a_secret_that_was_renamed_does_not_open(any_store: Store) -> None:
    """A value an attacker may know under one name must not become another name's secret."""
    await secrets_of(any_store).load(KNOWN_DEVICE)
    any_store.run_blocking(lambda tx: tx._connection.execute(text("UPDATE server_secret SET name = 'refresh-mac'")))

    with pytest.raises(CannotUnseal):
        await secrets_of(any_store).load(REFRESH_MAC)


async def test_no_text_form_shows_a_secret(any_store: Store) -> None:
    secret = await secrets_of(any_store).load(REFRESH_MAC)
    rows = any_store.read_blocking(lambda tx: tx.server_secrets.every())

    assert repr(secret) == "ServerSecret(name='refresh-mac', current_id=0)"
    assert "sealed=" not in repr(rows)
