"""Several rings on one database: each has its own active key and standby, and none holds up another."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from auth_server.keys.rings import Rings
from auth_server.keys.rotation import RotationRefused
from auth_server.protocol.errors import KeyUnavailable
from auth_server.store.signing_keys import KeyState, RingView
from shared.jose import ED25519, ES256
from tests.support.clock import FakeClock
from tests.support.databases import Database
from tests.support.keys import OTHER_KEK, POLICY, Replica

N = POLICY.timings.publish_ahead
V = POLICY.timings.retire_after
T_ROT = POLICY.rotation_period
BOTH = (ED25519, ES256)


def rings_of(database: Database, algorithms: Sequence[str] = BOTH, **more: tuple[bytes, ...]) -> Rings:
    replica = Replica(database, **more)
    replica.keyring.close()
    return Rings(store=replica.store, custodians=replica.custodians, policy=POLICY, algorithms=algorithms)


def views(database: Database) -> dict[str, RingView]:
    return {view.ring: view for view in database.store().read_blocking(lambda tx: tx.signing_keys.views())}


def states(view: RingView) -> list[KeyState]:
    return sorted(key.state for key in view.keys)


async def test_a_new_issuer_signs_at_once_with_its_default_and_publishes_the_rest(any_database: Database) -> None:
    await rings_of(any_database).initialise()

    found = views(any_database)
    assert {name: view.alg for name, view in found.items()} == {ED25519: ED25519, ES256: ES256}
    assert states(found[ED25519]) == [KeyState.ACTIVE, KeyState.PENDING]
    assert states(found[ES256]) == [KeyState.PENDING]


async def test_a_further_ring_signs_when_its_first_key_was_published_long_enough(
    any_database: Database, clock: FakeClock
) -> None:
    await rings_of(any_database, [ED25519]).initialise()
    rings = rings_of(any_database)
    await rings.tick()
    first = views(any_database)[ES256].pending

    clock.advance(N)
    await rings.tick()
    assert views(any_database)[ES256].active is None
    clock.advance(0.001)
    await rings.tick()

    found = views(any_database)[ES256]
    assert first is not None
    assert found.active_kid == first.kid
    assert states(found) == [KeyState.ACTIVE, KeyState.PENDING]


async def test_each_ring_rotates_by_its_own_age(any_database: Database, clock: FakeClock) -> None:
    rings = rings_of(any_database)
    await rings.initialise()
    clock.advance(T_ROT / 2)
    await rings.tick()  # the second ring begins to sign half a period after the first
    before = views(any_database)

    clock.advance(T_ROT / 2)
    await rings.tick()
    half = views(any_database)
    clock.advance(T_ROT / 2)
    await rings.tick()

    assert half[ED25519].active_kid != before[ED25519].active_kid
    assert half[ES256].active_kid == before[ES256].active_kid
    assert views(any_database)[ES256].active_kid != before[ES256].active_kid


async def test_a_ring_in_trouble_does_not_hold_up_the_others(any_database: Database, clock: FakeClock) -> None:
    rings = rings_of(any_database)
    await rings.initialise()
    any_database.execute("UPDATE signing_key SET kek_id = 'lost' WHERE state = 'pending' AND ring = :ring", ring=ED25519)
    clock.advance(T_ROT)

    with pytest.raises(KeyUnavailable):
        await rings.tick()

    assert views(any_database)[ES256].active is not None


async def test_a_replica_with_a_wrong_key_encryption_key_starts_no_ring(any_database: Database) -> None:
    await rings_of(any_database, [ED25519]).initialise()

    with pytest.raises(KeyUnavailable):
        await rings_of(any_database, keks=(OTHER_KEK,)).initialise()

    assert ES256 not in views(any_database)


async def test_the_ring_of_a_removed_algorithm_is_closed_and_its_keys_stay_published(
    any_database: Database, clock: FakeClock
) -> None:
    both = rings_of(any_database)
    await both.initialise()
    clock.advance(N + 1)
    await both.tick()
    active, standby = views(any_database)[ES256].active, views(any_database)[ES256].pending
    assert active is not None
    assert standby is not None
    one = rings_of(any_database, [ED25519])

    clock.advance(N + 1)
    await one.tick()
    closed = views(any_database)[ES256]
    assert [(key.kid, key.state) for key in closed.keys] == [(active.kid, KeyState.RETIRING)]
    clock.advance(V)
    await one.tick()
    assert [key.private_ref for key in views(any_database)[ES256].keys] == [None]
    clock.advance(0.001)
    await one.tick()

    assert views(any_database)[ES256].keys == ()
    every = any_database.store().read_blocking(lambda tx: tx.signing_keys.every())
    assert {key.state for key in every if key.ring == ES256} == {KeyState.RETIRED}


async def test_a_deployment_under_way_neither_closes_a_ring_nor_starts_it_again(any_database: Database, clock: FakeClock) -> None:
    """Replicas with the old and the new configuration tick in turn for longer than it takes to close a ring."""
    old, new = rings_of(any_database, [ED25519]), rings_of(any_database)
    await new.initialise()
    first = views(any_database)[ES256].pending

    for _ in range(12):
        clock.advance(N / 5)
        await old.tick()
        await new.tick()

    assert first is not None
    assert views(any_database)[ES256].active_kid == first.kid
    every = any_database.store().read_blocking(lambda tx: tx.signing_keys.every())
    assert len([key for key in every if key.ring == ES256]) == 2


async def test_a_ring_that_is_configured_again_waits_again(any_database: Database, clock: FakeClock) -> None:
    both, one = rings_of(any_database), rings_of(any_database, [ED25519])
    await both.initialise()
    clock.advance(N + 1)
    await one.tick()  # nobody wanted it: closed before it ever signed
    assert views(any_database)[ES256].keys == ()

    await both.tick()
    assert states(views(any_database)[ES256]) == [KeyState.PENDING]
    clock.advance(N + 0.001)
    await both.tick()

    assert views(any_database)[ES256].active is not None


async def test_an_issuer_never_closes_the_only_ring_that_signs(any_database: Database, clock: FakeClock) -> None:
    """The default was exchanged for another algorithm in one step: the old ring stays until the new one signs."""
    await rings_of(any_database, [ED25519]).initialise()
    other = rings_of(any_database, [ES256])
    await other.initialise()
    clock.advance(N)
    await other.tick()
    assert views(any_database)[ED25519].active is not None

    clock.advance(1)
    await other.tick()

    assert views(any_database)[ES256].active is not None
    assert views(any_database)[ED25519].active is None


async def test_closing_is_in_the_audit_log_before_and_after(any_database: Database, clock: FakeClock) -> None:
    await rings_of(any_database).initialise()
    standby = views(any_database)[ES256].pending
    clock.advance(N + 1)

    await rings_of(any_database, [ED25519]).tick()

    bodies = any_database.store().read_blocking(lambda tx: tx.audit_events.since(0, 100))
    events = [json.loads(body) for _, body in bodies]
    assert standby is not None
    told = [(event["name"], event["outcome"]) for event in events if event["detail"].get("kid") == standby.kid]
    assert told[-2:] == [("key.closing_intended", "ok"), ("key.closed", "ok")]


async def test_an_operator_rotates_no_ring_that_is_not_configured(any_database: Database) -> None:
    with pytest.raises(RotationRefused):
        rings_of(any_database).of("PS256")


async def test_a_ring_that_does_not_sign_yet_may_be_hurried_by_an_operator_alone(any_database: Database) -> None:
    rings = rings_of(any_database)
    await rings.initialise()
    with pytest.raises(RotationRefused):
        await rings.of(ES256).rotate_now()

    kid = await rings.of(ES256).rotate_now(emergency=True)

    assert views(any_database)[ES256].active_kid == kid
