"""The keyring signs under the key that is active, and publishes what verifies; which keys it opens, and what it says of those it cannot."""

from __future__ import annotations

from typing import Any

import pytest

from auth_server.keys.custodians.local import LocalCustodian
from auth_server.keys.keyring import Keyring
from auth_server.keys.sealing import KeyEncryptionKeys
from auth_server.protocol.errors import KeyUnavailable
from shared.jose import ED25519, RS256
from tests.support.clock import FakeClock
from tests.support.databases import Database
from tests.support.keys import ISSUER, KEK, OTHER_KEK, POLICY, Replica, claims_of, header_of, is_signed_by
from tests.support.watchful_custodian import WatchfulCustodian, a_keyring


async def test_a_token_verifies_under_the_published_key(replica: Replica) -> None:
    await replica.start()

    token = await replica.sign(aud="https://api.example")

    header = header_of(token)
    assert header == {"alg": ED25519, "typ": "at+jwt", "kid": replica.active().kid}
    assert claims_of(token) == {"sub": "alice", "iat": replica.clock.now(), "aud": "https://api.example"}
    assert is_signed_by(token, replica.published()[header["kid"]])


async def test_the_default_ring_signs_rs256(database: Database) -> None:
    replica = await Replica(database, alg=RS256).start()

    token = await replica.keyring.sign({"sub": "alice"}, "at+jwt")

    assert header_of(token)["alg"] == "RS256"
    assert is_signed_by(token, replica.published()[header_of(token)["kid"]])
    replica.keyring.close()


async def test_each_typ_has_its_own_header(replica: Replica) -> None:
    await replica.start()

    tokens = [await replica.keyring.sign({}, typ, ED25519) for typ in ("at+jwt", "JWT", "at+jwt")]

    assert [header_of(token)["typ"] for token in tokens] == ["at+jwt", "JWT", "at+jwt"]


async def test_nothing_is_signed_or_published_before_the_ring_was_read(replica: Replica) -> None:
    await replica.rotation.initialise()

    with pytest.raises(KeyUnavailable):
        await replica.sign()
    with pytest.raises(KeyUnavailable):
        replica.keyring.jwks()
    assert replica.keyring.fault(ED25519) is not None


async def test_an_algorithm_without_a_ring_is_refused(replica: Replica) -> None:
    await replica.start()

    with pytest.raises(KeyUnavailable):
        await replica.keyring.sign({}, "at+jwt", RS256)


async def test_claims_may_be_built_from_the_time_of_signing(replica: Replica) -> None:
    await replica.start()

    token = await replica.keyring.sign_at(lambda now: {"iat": now, "exp": now + 600}, "at+jwt", ED25519)

    assert claims_of(token) == {"iat": replica.clock.now(), "exp": replica.clock.now() + 600}


async def test_a_wrong_key_encryption_key_publishes_the_same_bytes_and_signs_nothing(
    database: Database, replica: Replica
) -> None:
    await replica.start()
    wrong = await Replica(database, keks=(OTHER_KEK,)).start()

    assert wrong.keyring.jwks() == replica.keyring.jwks()
    with pytest.raises(KeyUnavailable):
        await wrong.sign()
    assert "key encryption key" in str(wrong.keyring.fault(ED25519))
    assert len(wrong.keyring.warnings()) == 2
    wrong.keyring.close()


async def test_a_broken_standby_is_told_before_it_is_needed(database: Database, replica: Replica) -> None:
    await replica.start()
    database.execute("UPDATE signing_key SET private_ref = x'00' WHERE state = 'pending'")
    keyring = a_keyring(replica, LocalCustodian(issuer=ISSUER, key_encryption_keys=KeyEncryptionKeys([KEK])))

    await keyring.refresh()

    assert keyring.fault(ED25519) is None
    assert [replica.pending().kid in warning for warning in keyring.warnings()] == [True]
    keyring.close()


async def test_a_custodian_that_is_not_there_is_a_fault_and_no_crash(replica: Replica) -> None:
    await replica.rotation.initialise()
    keyring = Keyring(store=replica.store, clock=replica.clock, custodians={}, policy=replica.policy)

    await keyring.refresh()

    assert "custodian" in str(keyring.fault(ED25519))
    assert keyring.jwks()
    keyring.close()


async def test_private_keys_are_opened_once(replica: Replica, clock: FakeClock) -> None:
    await replica.rotation.initialise()
    custodian = WatchfulCustodian(clock)
    keyring = a_keyring(replica, custodian)

    for _ in range(5):
        await keyring.refresh()

    assert sorted(custodian.loaded) == sorted([replica.active().kid, replica.pending().kid])
    keyring.close()


async def test_a_promoted_standby_needs_no_opening_and_the_old_key_is_forgotten(replica: Replica, clock: FakeClock) -> None:
    await replica.rotation.initialise()
    custodian = WatchfulCustodian(clock)
    keyring = a_keyring(replica, custodian)
    await keyring.refresh()
    old, new = replica.active().kid, replica.pending().kid

    await replica.rotation.rotate_now(emergency=True)
    await keyring.refresh()

    assert custodian.loaded.count(new) == 1
    assert header_of(await keyring.sign({}, "at+jwt", ED25519))["kid"] == new
    assert old not in keyring._signers
    keyring.close()


async def test_an_overdue_key_goes_on_signing_and_is_told_of(replica: Replica, clock: FakeClock) -> None:
    """The issuer was down for weeks: expiry is soft."""
    await replica.start()
    clock.advance(1.5 * POLICY.rotation_period)
    await replica.keyring.refresh()
    assert replica.keyring.warnings() == ()

    clock.advance(1)
    await replica.keyring.refresh()

    assert await replica.sign()
    assert "overdue" in replica.keyring.warnings()[0]


async def test_a_closed_keyring_signs_nothing(replica: Replica) -> None:
    await replica.start()
    replica.keyring.close()

    with pytest.raises(KeyUnavailable):
        await replica.sign()


async def test_no_text_form_of_a_keyring_shows_a_private_key(replica: Replica) -> None:
    await replica.start()
    shown: Any = f"{vars(replica.keyring)!r}"

    assert "PrivateKey" not in shown
    assert "private_ref" not in shown
