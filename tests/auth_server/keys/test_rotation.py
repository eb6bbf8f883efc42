"""Rotation on real databases: what is due is done once, by whoever comes first."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator

import pytest

from auth_server.keys.lifecycle import StepKind
from auth_server.keys.rotation import RotationRefused
from auth_server.protocol.errors import KeyUnavailable
from auth_server.store.signing_keys import KeyState
from tests.support.clock import FakeClock
from tests.support.databases import Database
from tests.support.keys import OTHER_KEK, POLICY, Replica

N = POLICY.timings.publish_ahead
V = POLICY.timings.retire_after
W_SIGN = POLICY.timings.sign_lease
T_ROT = POLICY.rotation_period


@pytest.fixture
def replica(any_database: Database) -> Iterator[Replica]:
    made = Replica(any_database)
    yield made
    made.keyring.close()


def audit_of(replica: Replica) -> list[tuple[str, str, str]]:
    events = [json.loads(body) for _, body in replica.store.read_blocking(lambda tx: tx.audit_events.since(0, 1000))]
    return [(event["name"], event["outcome"], event["detail"]["kid"]) for event in events]


async def test_the_first_start_makes_a_key_that_signs_and_a_standby(replica: Replica) -> None:
    await replica.start()

    ring = replica.ring()
    assert [key.state for key in ring.keys] in ([KeyState.ACTIVE, KeyState.PENDING], [KeyState.PENDING, KeyState.ACTIVE])
    assert ring.active_kid == replica.active().kid


async def test_later_starts_change_nothing(any_database: Database, replica: Replica) -> None:
    await replica.start()
    before = replica.ring()

    await replica.start()
    await Replica(any_database).rotation.initialise()

    assert replica.ring() == before


async def test_replicas_that_start_at_once_agree(any_database: Database) -> None:
    replicas = [Replica(any_database) for _ in range(4)]

    await asyncio.gather(*(each.rotation.initialise() for each in replicas))
    await asyncio.gather(*(each.keyring.refresh() for each in replicas))

    states = [key.state for key in replicas[0].every().values()]
    assert (states.count(KeyState.ACTIVE), len(states)) in {(1, 1), (1, 2)}  # the standby may be left for the next tick
    assert len({each.keyring.jwks() for each in replicas}) == 1
    for each in replicas:
        assert await each.sign()
        each.keyring.close()


async def test_replicas_that_rotate_at_once_rotate_once(any_database: Database, clock: FakeClock) -> None:
    replicas = [await Replica(any_database).start() for _ in range(4)]
    old, standby = replicas[0].active().kid, replicas[0].pending().kid
    clock.advance(T_ROT)

    done = await asyncio.gather(*(each.rotation.tick() for each in replicas))

    assert sum(step.kind is StepKind.PROMOTE for steps in done for step in steps) == 1
    assert replicas[0].active().kid == standby
    keys = replicas[0].every()
    assert keys[old].state is KeyState.RETIRING
    assert sorted(key.state for key in keys.values() if key.kid not in {old, standby}) in ([], [KeyState.PENDING])
    for each in replicas:
        each.keyring.close()


async def test_the_standby_takes_over_after_the_rotation_period_and_not_before(replica: Replica, clock: FakeClock) -> None:
    await replica.start()
    standby = replica.pending().kid
    clock.advance(T_ROT - 0.001)
    assert await replica.rotation.tick() == []

    clock.advance(0.001)
    await replica.rotation.tick()

    assert replica.active().kid == standby
    assert replica.pending().kid != standby  # the next standby is made at once


async def test_an_overdue_key_waits_for_a_standby_that_is_old_enough(
    any_database: Database, replica: Replica, clock: FakeClock
) -> None:
    """Nothing is prepared and activated at once, however late it is."""
    await replica.start()
    active = replica.active().kid
    any_database.execute("DELETE FROM signing_key WHERE state = 'pending'")
    clock.advance(3 * T_ROT)
    await replica.rotation.tick()
    clock.advance(N)
    await replica.rotation.tick()
    assert replica.active().kid == active

    clock.advance(0.001)
    await replica.rotation.tick()

    assert replica.active().kid != active


async def test_a_private_half_is_erased_after_the_signing_lease_and_the_public_half_stays(
    replica: Replica, clock: FakeClock
) -> None:
    await replica.start()
    old = replica.active().kid
    clock.advance(T_ROT)
    await replica.rotation.tick()
    clock.advance(W_SIGN)
    await replica.rotation.tick()
    assert replica.every()[old].private_ref is not None

    clock.advance(0.001)
    await replica.rotation.tick()

    key = replica.every()[old]
    assert (key.state, key.private_ref, key.kek_id, key.erased_at) == (KeyState.RETIRING, None, None, clock.ms)


async def test_a_key_is_withdrawn_when_its_last_token_has_expired_and_not_before(replica: Replica, clock: FakeClock) -> None:
    await replica.start()
    old = replica.active().kid
    clock.advance(T_ROT)
    await replica.rotation.tick()
    clock.advance(V)
    await replica.rotation.tick()
    assert replica.every()[old].state is KeyState.RETIRING

    clock.advance(0.001)
    await replica.rotation.tick()

    assert replica.every()[old].state is KeyState.RETIRED


async def test_a_server_that_was_down_for_long_catches_up_in_one_tick(replica: Replica, clock: FakeClock) -> None:
    await replica.start()
    old = replica.active().kid
    clock.advance(T_ROT)
    await replica.rotation.tick()
    clock.advance(T_ROT + V)

    done = await replica.rotation.tick()

    assert [step.kind for step in done] == [StepKind.ERASE_PRIVATE, StepKind.RETIRE, StepKind.PROMOTE, StepKind.CREATE_STANDBY]
    assert replica.every()[old].private_ref is None
    assert await replica.rotation.tick() == []


async def test_every_change_has_its_intent_before_it(replica: Replica, clock: FakeClock) -> None:
    await replica.start()
    clock.advance(T_ROT)
    await replica.rotation.tick()
    clock.advance(V + 1)
    await replica.rotation.tick()

    log = audit_of(replica)
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
    assert replica.store.read_blocking(lambda tx: tx.audit_events.first_broken_link()) is None


async def test_who_comes_second_records_that(any_database: Database, clock: FakeClock) -> None:
    replicas = [await Replica(any_database).start() for _ in range(2)]
    clock.advance(T_ROT)

    await asyncio.gather(*(each.rotation.tick() for each in replicas))

    log = audit_of(replicas[0])
    for intent, outcome in [("key.promotion_intended", "key.promoted"), ("key.creation_intended", "key.created")]:
        assert sum(name == intent for name, _, _ in log) == sum(name == outcome for name, _, _ in log)
    for each in replicas:
        each.keyring.close()


async def test_an_operator_cannot_promote_a_standby_that_is_too_young(replica: Replica, clock: FakeClock) -> None:
    await replica.start()
    active = replica.active().kid
    clock.advance(N)

    with pytest.raises(RotationRefused):
        await replica.rotation.rotate_now()
    assert replica.active().kid == active


async def test_an_operator_may_rotate_early_when_the_standby_is_old_enough(replica: Replica, clock: FakeClock) -> None:
    await replica.start()
    standby = replica.pending().kid
    clock.advance(N + 0.001)

    assert await replica.rotation.rotate_now() == standby
    assert replica.active().kid == standby
    assert ("key.promoted", "ok", standby) in audit_of(replica)


async def test_an_emergency_promotes_a_standby_of_any_age(replica: Replica) -> None:
    await replica.start()
    standby = replica.pending().kid

    assert await replica.rotation.rotate_now(emergency=True) == standby
    assert replica.pending().kid != standby


async def test_two_operators_at_once_rotate_once(any_database: Database) -> None:
    replicas = [await Replica(any_database).start() for _ in range(2)]
    standby = replicas[0].pending().kid

    outcomes = await asyncio.gather(*(each.rotation.rotate_now(emergency=True) for each in replicas), return_exceptions=True)

    won = [outcome for outcome in outcomes if isinstance(outcome, str)]
    assert standby in won
    assert len(set(won)) == len(won)  # never twice the same; the other was refused, or promoted the next standby
    assert all(isinstance(outcome, str | RotationRefused) for outcome in outcomes)
    for each in replicas:
        each.keyring.close()


async def test_there_is_nothing_to_rotate_before_the_first_start(replica: Replica) -> None:
    with pytest.raises(RotationRefused):
        await replica.rotation.rotate_now(emergency=True)
    assert await replica.rotation.tick() == []


async def test_a_standby_that_does_not_open_is_not_promoted(any_database: Database, replica: Replica, clock: FakeClock) -> None:
    await replica.start()
    active = replica.active().kid
    any_database.execute("UPDATE signing_key SET kek_id = 'lost' WHERE state = 'pending'")
    clock.advance(T_ROT)

    with pytest.raises(KeyUnavailable):
        await replica.rotation.tick()
    assert replica.active().kid == active


async def test_a_broken_standby_does_not_keep_old_keys_alive(any_database: Database, replica: Replica, clock: FakeClock) -> None:
    await replica.start()
    old = replica.active().kid
    clock.advance(T_ROT)
    await replica.rotation.tick()
    any_database.execute("UPDATE signing_key SET kek_id = 'lost' WHERE state = 'pending'")
    clock.advance(T_ROT)

    with pytest.raises(KeyUnavailable):
        await replica.rotation.tick()
    assert replica.every()[old].private_ref is None
    assert replica.every()[old].state is KeyState.RETIRED


async def test_a_wrong_key_encryption_key_neither_makes_nor_promotes_keys(
    any_database: Database, replica: Replica, clock: FakeClock
) -> None:
    await replica.start()
    wrong = Replica(any_database, keks=(OTHER_KEK,))
    before = replica.ring().keys
    clock.advance(T_ROT)
    with pytest.raises(KeyUnavailable):
        await wrong.rotation.tick()
    with pytest.raises(KeyUnavailable):
        await wrong.rotation.rotate_now(emergency=True)
    assert replica.ring().keys == before

    any_database.execute("DELETE FROM signing_key WHERE state = 'pending'")
    with pytest.raises(KeyUnavailable):
        await wrong.rotation.tick()

    assert replica.ring().pending is None
    wrong.keyring.close()


async def test_the_epoch_grows_even_when_the_clock_goes_back(replica: Replica, clock: FakeClock) -> None:
    await replica.start()
    clock.advance(N + 1)
    before = replica.ring().epoch
    clock.set(clock.ms - 3_600_000)

    await replica.rotation.rotate_now(emergency=True)

    assert replica.ring().epoch > before


async def test_the_epoch_is_at_least_the_time(replica: Replica, clock: FakeClock) -> None:
    """So it is larger than any epoch before it even after an older backup was restored."""
    await replica.start()
    clock.advance(T_ROT)

    await replica.rotation.rotate_now()

    assert replica.ring().epoch >= clock.ms


async def test_a_second_ring_lives_beside_the_first(any_database: Database, replica: Replica, clock: FakeClock) -> None:
    await replica.start()
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
