"""Replicas and operators that do the same at the same moment: it is done once, by whoever comes first."""

from __future__ import annotations

import asyncio

from auth_server.keys.lifecycle import StepKind
from auth_server.keys.rotation import RotationRefused
from auth_server.store.signing_keys import KeyState
from tests.support.clock import FakeClock
from tests.support.databases import Database
from tests.support.keys import POLICY, Replica, key_events_of

T_ROT = POLICY.rotation_period


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


async def test_who_comes_second_records_that(any_database: Database, clock: FakeClock) -> None:
    replicas = [await Replica(any_database).start() for _ in range(2)]
    clock.advance(T_ROT)

    await asyncio.gather(*(each.rotation.tick() for each in replicas))

    log = key_events_of(replicas[0])
    for intent, outcome in [("key.promotion_intended", "key.promoted"), ("key.creation_intended", "key.created")]:
        assert sum(name == intent for name, _, _ in log) == sum(name == outcome for name, _, _ in log)
    for each in replicas:
        each.keyring.close()


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
