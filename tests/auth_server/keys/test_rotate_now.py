"""Rotation at the word of an operator."""

from __future__ import annotations

import pytest

from auth_server.keys.rotation import RotationRefused
from tests.support.clock import FakeClock
from tests.support.keys import POLICY, Replica, key_events_of

N = POLICY.timings.publish_ahead


async def test_an_operator_cannot_promote_a_standby_that_is_too_young(any_replica: Replica, clock: FakeClock) -> None:
    await any_replica.start()
    active = any_replica.active().kid
    clock.advance(N)

    with pytest.raises(RotationRefused):
        await any_replica.rotation.rotate_now()
    assert any_replica.active().kid == active


async def test_an_operator_may_rotate_early_when_the_standby_is_old_enough(any_replica: Replica, clock: FakeClock) -> None:
    await any_replica.start()
    standby = any_replica.pending().kid
    clock.advance(N + 0.001)

    assert await any_replica.rotation.rotate_now() == standby
    assert any_replica.active().kid == standby
    assert ("key.promoted", "ok", standby) in key_events_of(any_replica)


async def test_an_emergency_promotes_a_standby_of_any_age(any_replica: Replica) -> None:
    await any_replica.start()
    standby = any_replica.pending().kid

    assert await any_replica.rotation.rotate_now(emergency=True) == standby
    assert any_replica.pending().kid != standby


async def test_there_is_nothing_to_rotate_before_the_first_start(any_replica: Replica) -> None:
    with pytest.raises(RotationRefused):
        await any_replica.rotation.rotate_now(emergency=True)
    assert await any_replica.rotation.tick() == []
