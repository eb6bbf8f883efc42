"""Rotation on real databases: what is due is done, in its order and not before."""

from __future__ import annotations

import pytest

from auth_server.keys.lifecycle import StepKind
from auth_server.protocol.errors import KeyUnavailable
from auth_server.store.signing_keys import KeyState
from tests.support.clock import FakeClock
from tests.support.databases import Database
from tests.support.keys import OTHER_KEK, POLICY, Replica, key_events_of

N = POLICY.timings.publish_ahead
V = POLICY.timings.retire_after
W_SIGN = POLICY.timings.sign_lease
T_ROT = POLICY.rotation_period


async def test_the_first_start_makes_a_key_that_signs_and_a_standby(any_replica: Replica) -> None:
    await any_replica.start()

    ring = any_replica.ring()
    assert [key.state for key in ring.keys] in ([KeyState.ACTIVE, KeyState.PENDING], [KeyState.PENDING, KeyState.ACTIVE])
    assert ring.active_kid == any_replica.active().kid


async def test_later_starts_change_nothing(any_database: Database, any_replica: Replica) -> None:
    await any_replica.start()
    before = any_replica.ring()

    await any_replica.start()
    await Replica(any_database).rotation.initialise()

    assert any_replica.ring() == before


async def test_the_standby_takes_over_after_the_rotation_period_and_not_before(any_replica: Replica, clock: FakeClock) -> None:
    await any_replica.start()
    standby = any_replica.pending().kid
    clock.advance(T_ROT - 0.001)
    assert await any_replica.rotation.tick() == []

    clock.advance(0.001)
    await any_replica.rotation.tick()

    assert any_replica.active().kid == standby
    assert any_replica.pending().kid != standby  # the next standby is made at once


async def test_an_overdue_key_waits_for_a_standby_that_is_old_enough(
    any_database: Database, any_replica: Replica, clock: FakeClock
) -> None:
    """Nothing is prepared and activated at once, however late it is."""
    await any_replica.start()
    active = any_replica.active().kid
    any_database.execute("DELETE FROM signing_key WHERE state = 'pending'")
    clock.advance(3 * T_ROT)
    await any_replica.rotation.tick()
    clock.advance(N)
    await any_replica.rotation.tick()
    assert any_replica.active().kid == active

    clock.advance(0.001)
    await any_replica.rotation.tick()

    assert any_replica.active().kid != active


async def test_a_private_half_is_erased_after_the_signing_lease_and_the_public_half_stays(
    any_replica: Replica, clock: FakeClock
) -> None:
    await any_replica.start()
    old = any_replica.active().kid
    clock.advance(T_ROT)
    await any_replica.rotation.tick()
    clock.advance(W_SIGN)
    await any_replica.rotation.tick()
    assert any_replica.every()[old].private_ref is not None

    clock.advance(0.001)
    await any_replica.rotation.tick()

    key = any_replica.every()[old]
    assert (key.state, key.private_ref, key.kek_id, key.erased_at) == (KeyState.RETIRING, None, None, clock.ms)


async def test_a_key_is_withdrawn_when_its_last_token_has_expired_and_not_before(any_replica: Replica, clock: FakeClock) -> None:
    await any_replica.start()
    old = any_replica.active().kid
    clock.advance(T_ROT)
    await any_replica.rotation.tick()
    clock.advance(V)
    await any_replica.rotation.tick()
    assert any_replica.every()[old].state is KeyState.RETIRING

    clock.advance(0.001)
    await any_replica.rotation.tick()

    assert any_replica.every()[old].state is KeyState.RETIRED


async def test_a_server_that_was_down_for_long_catches_up_in_one_tick(any_replica: Replica, clock: FakeClock) -> None:
    await any_replica.start()
    old = any_replica.active().kid
    clock.advance(T_ROT)
    await any_replica.rotation.tick()
    clock.advance(T_ROT + V)

    done = await any_replica.rotation.tick()

    assert [step.kind for step in done] == [StepKind.ERASE_PRIVATE, StepKind.RETIRE, StepKind.PROMOTE, StepKind.CREATE_STANDBY]
    assert any_replica.every()[old].private_ref is None
    assert await any_replica.rotation.tick() == []


async def test_every_change_has_its_intent_before_it(any_replica: Replica, clock: FakeClock) -> None:
    await any_replica.start()
    clock.advance(T_ROT)
    await any_replica.rotation.tick()
    clock.advance(V + 1)
    await any_replica.rotation.tick()

    log = key_events_of(any_replica)
    intents = {
        "key.created": "key.creation_intended",
        "key.promoted": "key.promotion_intended",
        "key.erased": "key.erasure_intended",
        "key.retired": "key.retirement_intended",
    }
    outcomes = [(n, name, kid) for n, (name, _, kid) in enumerate(log) if name in intents]
    assert {name for _, name, _ in outcomes} == set(intents)
    for n, name, kid in outcomes:
        assert (intents[name], "ok", kid) in log[:n]
    assert any_replica.store.read_blocking(lambda tx: tx.audit_events.first_broken_link()) is None


async def test_a_standby_that_does_not_open_is_not_promoted(
    any_database: Database, any_replica: Replica, clock: FakeClock
) -> None:
    await any_replica.start()
    active = any_replica.active().kid
    any_database.execute("UPDATE signing_key SET kek_id = 'lost' WHERE state = 'pending'")
    clock.advance(T_ROT)

    with pytest.raises(KeyUnavailable):
        await any_replica.rotation.tick()
    assert any_replica.active().kid == active


async def test_a_broken_standby_does_not_keep_old_keys_alive(
    any_database: Database, any_replica: Replica, clock: FakeClock
) -> None:
    await any_replica.start()
    old = any_replica.active().kid
    clock.advance(T_ROT)
    await any_replica.rotation.tick()
    any_database.execute("UPDATE signing_key SET kek_id = 'lost' WHERE state = 'pending'")
    clock.advance(T_ROT)

    with pytest.raises(KeyUnavailable):
        await any_replica.rotation.tick()
    assert any_replica.every()[old].private_ref is None
    assert any_replica.every()[old].state is KeyState.RETIRED


async def test_a_wrong_key_encryption_key_neither_makes_nor_promotes_keys(
    any_database: Database, any_replica: Replica, clock: FakeClock
) -> None:
    await any_replica.start()
    wrong = Replica(any_database, keks=(OTHER_KEK,))
    before = any_replica.ring().keys
    clock.advance(T_ROT)
    with pytest.raises(KeyUnavailable):
        await wrong.rotation.tick()
    with pytest.raises(KeyUnavailable):
        await wrong.rotation.rotate_now(emergency=True)
    assert any_replica.ring().keys == before

    any_database.execute("DELETE FROM signing_key WHERE state = 'pending'")
    with pytest.raises(KeyUnavailable):
        await wrong.rotation.tick()

    assert any_replica.ring().pending is None
    wrong.keyring.close()


async def test_the_epoch_grows_even_when_the_clock_goes_back(any_replica: Replica, clock: FakeClock) -> None:
    await any_replica.start()
    before = any_replica.ring().epoch
    clock.set(before - 3_600_000)  # a fail-over to a machine whose clock is behind all that was ever published

    await any_replica.rotation.rotate_now(emergency=True)

    assert any_replica.ring().epoch > before


async def test_the_epoch_is_at_least_the_time(any_replica: Replica, clock: FakeClock) -> None:
    """So it is larger than any epoch before it even after an older backup was restored."""
    await any_replica.start()
    clock.advance(T_ROT)

    await any_replica.rotation.rotate_now()

    assert any_replica.ring().epoch >= clock.ms


async def test_a_second_ring_lives_beside_the_first(any_database: Database, any_replica: Replica, clock: FakeClock) -> None:
    await any_replica.start()
    second = Replica(any_database, ring="second", alg="ES256")
    await second.start()
    before = second.keyring.published().epoch
    clock.advance(N + 1)

    await second.rotation.rotate_now()
    await second.keyring.refresh()

    assert await second.keyring.sign({}, "at+jwt", "ES256")
    assert await second.keyring.sign({}, "at+jwt", "Ed25519")
    assert second.keyring.published().epoch > before
    assert len(second.keyring.published().kids) == 4
    second.keyring.close()
