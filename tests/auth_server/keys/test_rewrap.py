"""Rotation of the key encryption key."""

from __future__ import annotations

from dataclasses import replace

import pytest

from auth_server.keys.custodians.registry import all_custodians
from auth_server.keys.rewrap import Rewrap, Rewrapped
from auth_server.keys.sealing import KeyEncryptionKeyMissing, KeyEncryptionKeys
from auth_server.keys.server_secrets import REFRESH_MAC, ServerSecrets
from tests.support.databases import Database
from tests.support.keys import ISSUER, KEK, OTHER_KEK, Replica


def a_rewrap(replica: Replica, *keks: bytes) -> Rewrap:
    keys = KeyEncryptionKeys(keks)
    custodians = all_custodians(issuer=ISSUER, key_encryption_keys=keys)
    return Rewrap(store=replica.store, key_encryption_keys=keys, custodians=custodians)


async def test_after_rewrapping_the_old_key_is_needed_no_more(any_database: Database) -> None:
    old = await Replica(any_database, keks=(OTHER_KEK,)).start()
    secret = await ServerSecrets(store=old.store, key_encryption_keys=KeyEncryptionKeys([OTHER_KEK])).load(REFRESH_MAC)

    done = await a_rewrap(old, KEK, OTHER_KEK).run()

    new = await Replica(any_database, keks=(KEK,)).start()
    assert done == Rewrapped(signing_keys=2, server_secrets=1)
    assert await new.sign()
    assert new.keyring.warnings() == ()
    assert await ServerSecrets(store=new.store, key_encryption_keys=KeyEncryptionKeys([KEK])).load(REFRESH_MAC) == secret
    assert new.keyring.jwks() == old.keyring.jwks()
    for replica in (old, new):
        replica.keyring.close()


async def test_rewrapping_again_moves_nothing(any_database: Database) -> None:
    replica = await Replica(any_database, keks=(OTHER_KEK,)).start()
    await a_rewrap(replica, KEK, OTHER_KEK).run()

    assert await a_rewrap(replica, KEK, OTHER_KEK).run() == Rewrapped(0, 0)
    replica.keyring.close()


async def test_what_lies_under_a_lost_key_is_told_of(any_database: Database) -> None:
    replica = await Replica(any_database, keks=(OTHER_KEK,)).start()

    with pytest.raises(KeyEncryptionKeyMissing):
        await a_rewrap(replica, KEK).run()
    replica.keyring.close()


async def test_an_erased_key_is_left_alone(any_database: Database) -> None:
    replica = await Replica(any_database, keks=(OTHER_KEK,)).start()
    await replica.rotation.rotate_now(emergency=True)
    replica.clock.advance(replica.policy.timings.sign_lease + 1)  # type: ignore[attr-defined]
    await replica.rotation.tick()

    assert (await a_rewrap(replica, KEK, OTHER_KEK).run()).signing_keys == 2  # of three
    replica.keyring.close()


async def test_what_somebody_else_moved_meanwhile_is_left_alone(any_database: Database) -> None:
    """Of two that re-wrap at once the second one has read what lies under another key by now."""
    replica = await Replica(any_database).start()
    await ServerSecrets(store=replica.store, key_encryption_keys=KeyEncryptionKeys([KEK])).load(REFRESH_MAC)
    kid, keys = replica.active().kid, replica.every()
    (secret,) = await replica.store.read(lambda tx: tx.server_secrets.every())
    late = replace(secret, sealed=b"late")

    moved = await replica.store.run(
        lambda tx: (
            tx.signing_keys.rewrap(kid, sealed=b"late", old_kek_id="what it was", new_kek_id="new"),
            tx.server_secrets.rewrap(late, old_kek_id="what it was"),
        )
    )

    assert moved == (False, False)
    assert replica.every() == keys
    assert await replica.store.read(lambda tx: tx.server_secrets.every()) == [secret]
    replica.keyring.close()
