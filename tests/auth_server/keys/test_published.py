"""The key set: what is in it, its version, and until when a process may publish it."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from auth_server.protocol.errors import KeyUnavailable
from auth_server.store.signing_keys import KeyState
from shared.jose import ED25519, MAX_JWKS_BYTES
from shared.jwk import PRIVATE_MEMBERS
from shared.key_policy import KeyPolicy
from tests.support.clock import FakeClock
from tests.support.databases import Database
from tests.support.keys import POLICY, Replica

W_PUB = KeyPolicy().view_lease


async def test_the_key_set_outlives_the_signing_lease_and_ends_with_its_own(replica: Replica, clock: FakeClock) -> None:
    await replica.start()
    body = replica.keyring.jwks()
    clock.advance(W_PUB)
    assert replica.keyring.jwks() == body

    clock.advance(0.001)

    with pytest.raises(KeyUnavailable):
        replica.keyring.jwks()


async def test_the_key_set_holds_every_published_key_and_only_public_members(database: Database, replica: Replica) -> None:
    """Attack H16, and a row that somebody put private members into."""
    await replica.start()
    for kid, jwk in database.execute("SELECT kid, public_jwk FROM signing_key"):
        spoiled = json.dumps(json.loads(jwk) | {"d": "secret", "k": "secret", "x5u": "https://evil.example"})
        database.execute("UPDATE signing_key SET public_jwk = :jwk WHERE kid = :kid", jwk=spoiled, kid=kid)
    await replica.keyring.refresh()

    body, _ = replica.keyring.jwks()

    document = json.loads(body)
    assert document.keys() == {"keys", "epoch", "revoked"}
    assert {key["kid"] for key in document["keys"]} == {replica.active().kid, replica.pending().kid}
    for key in document["keys"]:
        assert key.keys() == {"kty", "kid", "use", "alg", "crv", "x"}
        assert (key["use"], key["alg"]) == ("sig", ED25519)
        assert not PRIVATE_MEMBERS & key.keys()


async def test_the_same_ring_is_the_same_bytes_on_every_replica(database: Database, replica: Replica, clock: FakeClock) -> None:
    await replica.start()
    clock.advance(5)
    other = await Replica(database).start()

    assert other.keyring.jwks() == replica.keyring.jwks()
    other.keyring.close()


async def test_the_etag_and_the_epoch_change_with_the_ring_and_only_then(replica: Replica) -> None:
    await replica.start()
    before = replica.keyring.published()
    await replica.keyring.refresh()
    assert replica.keyring.published() is before

    await replica.rotation.rotate_now(emergency=True)
    await replica.keyring.refresh()

    after = replica.keyring.published()
    assert after.etag != before.etag
    assert after.etag[0] == after.etag[-1] == '"'
    assert after.epoch > before.epoch
    assert json.loads(after.body)["epoch"] == after.epoch


async def test_a_compromised_key_is_listed_and_not_published(database: Database, replica: Replica) -> None:
    await replica.start()
    burnt = replica.active().kid
    await replica.rotation.rotate_now(emergency=True)
    database.execute("UPDATE signing_key SET state = 'compromised', private_ref = NULL WHERE kid = :kid", kid=burnt)
    await replica.keyring.refresh()

    published = replica.keyring.published()

    assert published.revoked == (burnt,)
    assert json.loads(published.body)["revoked"] == [burnt]
    assert burnt not in published.kids


_BURN_MANY = """
WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < :count)
INSERT INTO signing_key (kid, ring, state, alg, public_jwk, custodian, created_at, published_at, tombstoned_at)
SELECT printf('%043d', n), 'default', 'compromised', 'Ed25519', '{}', 'none', 0, 0, 0 FROM numbers
"""


@pytest.mark.parametrize("count, is_told", [(900, False), (1_200, True)])
async def test_an_operator_is_told_before_the_key_set_is_too_large_for_anybody(
    count: int, is_told: bool, database: Database, replica: Replica
) -> None:
    await replica.start()
    database.execute(_BURN_MANY, count=count)
    await replica.keyring.refresh()

    assert len(replica.keyring.published().revoked) == count
    assert len(replica.keyring.published().body) < MAX_JWKS_BYTES
    assert any("bytes" in warning for warning in replica.keyring.warnings()) is is_told


async def test_a_retired_key_is_not_published(database: Database, replica: Replica) -> None:
    await replica.start()
    states = {KeyState(key.state) for key in replica.every().values()}
    assert states == {KeyState.ACTIVE, KeyState.PENDING}
    old = replica.active()
    await replica.rotation.rotate_now(emergency=True)
    replica.clock.advance(POLICY.timings.retire_after + 1)  # type: ignore[attr-defined]
    await replica.rotation.tick()
    await replica.keyring.refresh()

    assert old.kid not in replica.keyring.published().kids
    assert replica.every()[old.kid] == replace(replica.every()[old.kid], state=KeyState.RETIRED, private_ref=None, kek_id=None)
