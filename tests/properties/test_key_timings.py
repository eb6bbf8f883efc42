"""The inequalities between the timings, shown at the real code by the worst case each of them is for, and by a control that fails."""

from __future__ import annotations

from dataclasses import replace

import pytest

from auth_server.keys.lifecycle import RotationPolicy
from shared.key_policy import KeyPolicy
from tests.support.clock import FakeClock
from tests.support.databases import Database
from tests.support.keys import Replica, header_of

TICK = 0.001
TIMINGS = KeyPolicy(
    access_token_lifetime=60,
    clock_error=5,
    leeway=10,
    jwks_max_age=30,
    publish_ahead=60 + TICK,
    retire_after=100,
    sign_lease=20,
    view_lease=30,
)


async def known_at_first_signature(database: Database, clock: FakeClock, timings: KeyPolicy) -> bool:
    """A replica whose view is as old as W_pub allows publishes the set without the standby to a resource server, which refreshes
    again only after M; another replica promotes the standby as early as N allows. Does the resource server know its kid?
    """
    policy = RotationPolicy(timings, rotation_period=10)
    busy = await Replica(database, policy=policy).start()
    stale = Replica(database, policy=policy)
    await busy.rotation.rotate_now(emergency=True)  # makes a standby now, after the view below
    database.execute("DELETE FROM signing_key WHERE state = 'pending'")
    await stale.keyring.refresh()
    await busy.rotation.tick()
    standby = busy.pending().kid

    clock.advance(timings.view_lease)
    fetched = stale.published()
    clock.advance(timings.jwks_max_age)
    await busy.rotation.tick()
    if busy.active().kid != standby:
        # Not yet. At this very instant the healthy resource server refreshes, before anything is signed with the standby.
        await stale.keyring.refresh()
        fetched = stale.published()
        clock.advance(2 * TICK)
        await busy.rotation.tick()
    await busy.keyring.refresh()
    kid = header_of(await busy.sign())["kid"]
    for replica in (busy, stale):
        replica.keyring.close()
    assert kid == standby
    return kid in fetched


async def published_until_last_accepted(database: Database, clock: FakeClock, timings: KeyPolicy) -> bool:
    """A replica signs with the old key as late as W_sign allows, with a clock that is ε ahead; a resource server whose clock is ε
    behind accepts the token until A + L later. Is the key still published at that instant?
    """
    policy = RotationPolicy(timings, rotation_period=10)
    busy = await Replica(database, policy=policy).start()
    stale = Replica(database, policy=policy)
    clock.advance(timings.publish_ahead + 1)
    await stale.keyring.refresh()
    await busy.rotation.tick()
    old = next(key.kid for key in busy.ring().keys if key.retired_at is not None)

    clock.advance(timings.sign_lease)
    assert header_of(await stale.sign())["kid"] == old
    clock.advance(timings.access_token_lifetime + timings.leeway + 2 * timings.clock_error)
    await busy.rotation.tick()
    await busy.keyring.refresh()

    published = old in busy.published()
    for replica in (busy, stale):
        replica.keyring.close()
    return published


async def test_a_first_signature_meets_no_resource_server_that_does_not_know_the_key(
    database: Database, clock: FakeClock
) -> None:
    """Inequality 2: N > W_pub + M."""
    assert TIMINGS.issuer_faults(rotation_period=1e6) == []
    assert await known_at_first_signature(database, clock, TIMINGS)


async def test_control_publishing_one_tick_too_late_is_noticed(database: Database, clock: FakeClock) -> None:
    """With N at W_pub + M less a tick the first signature comes before the refresh."""
    short = replace(TIMINGS, publish_ahead=60 - TICK)

    assert not await known_at_first_signature(database, clock, short)
    assert len(short.issuer_faults(rotation_period=1e6)) == 1


async def test_a_key_is_published_as_long_as_a_token_under_it_is_accepted(database: Database, clock: FakeClock) -> None:
    """Inequality 3: V >= W_sign + A + L + 2 x eps."""
    assert await published_until_last_accepted(database, clock, TIMINGS)


async def test_control_withdrawing_one_tick_too_early_is_noticed(database: Database, clock: FakeClock) -> None:
    short = replace(TIMINGS, retire_after=100 - TICK)

    assert not await published_until_last_accepted(database, clock, short)
    assert len(short.issuer_faults(rotation_period=1e6)) == 1


@pytest.mark.parametrize("seconds", [0, 20])
async def test_a_replica_never_signs_with_a_key_whose_private_half_may_be_erased(
    database: Database, clock: FakeClock, seconds: float
) -> None:
    """Inequality 4: the erasure and the end of the last lease on the key."""
    policy = RotationPolicy(TIMINGS, rotation_period=10)
    busy = await Replica(database, policy=policy).start()
    stale = Replica(database, policy=policy)
    clock.advance(TIMINGS.publish_ahead + 1)
    await stale.keyring.refresh()
    await busy.rotation.tick()
    old = header_of(await stale.sign())["kid"]
    clock.advance(seconds)

    await busy.rotation.tick()

    assert header_of(await stale.sign())["kid"] == old
    assert busy.every()[old].private_ref is not None
    for replica in (busy, stale):
        replica.keyring.close()
