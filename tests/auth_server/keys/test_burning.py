"""Burning a key on real databases: dead in one commit, whatever it was, and the ring goes on signing."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from auth_server.keys.burning import Burned, BurnRefused, Progress, Stage
from auth_server.protocol.errors import KeyUnavailable, StoreUnavailable
from auth_server.store.signing_keys import KeyState
from tests.support.clock import FakeClock
from tests.support.databases import Database
from tests.support.keys import OTHER_KEK, POLICY, Replica, header_of

N = POLICY.timings.publish_ahead
V = POLICY.timings.retire_after
W_SIGN = POLICY.timings.sign_lease
T_ROT = POLICY.rotation_period
LONGEST_TOKEN = POLICY.timings.access_token_lifetime + POLICY.timings.leeway + 2 * POLICY.timings.clock_error


def audit_of(any_replica: Replica) -> list[dict[str, Any]]:
    return [json.loads(body) for body in any_replica.store.read_blocking(lambda tx: tx.audit_events.of_keys())]


def fed(database: Database) -> list[tuple[str, str, int]]:
    return [tuple(row) for row in database.execute("SELECT kind, key, until FROM feed_entry ORDER BY n")]


async def in_state(any_replica: Replica, clock: FakeClock, state: KeyState) -> str:
    """Return a key of a started ring that has come that far in its life."""
    await any_replica.start()
    clock.advance(N + 1)
    if state is KeyState.PENDING:
        return any_replica.pending().kid
    kid = any_replica.active().kid
    if state in {KeyState.RETIRING, KeyState.RETIRED}:
        await any_replica.rotation.rotate_now()
    if state is KeyState.RETIRED:
        clock.advance(V + 1)
        await any_replica.rotation.tick()
    assert any_replica.every()[kid].state is state
    return kid


@pytest.mark.parametrize("state", [KeyState.PENDING, KeyState.ACTIVE, KeyState.RETIRING, KeyState.RETIRED])
async def test_a_key_can_be_burned_wherever_it_stands_in_its_life(
    state: KeyState, any_database: Database, any_replica: Replica, clock: FakeClock
) -> None:
    kid = await in_state(any_replica, clock, state)
    before = any_replica.ring()

    burned = await any_replica.burning.burn(kid, reason="found in a log")

    key, ring = any_replica.every()[kid], any_replica.ring()
    assert (key.state, key.private_ref, key.kek_id, key.reason) == (KeyState.COMPROMISED, None, None, "found in a log")
    assert key.tombstoned_at is not None
    assert burned.was is state
    assert ring.epoch > before.epoch
    assert ring.active_kid == any_replica.active().kid != kid
    assert any_replica.pending().kid not in {kid, ring.active_kid}
    assert fed(any_database) == [("kid", kid, clock.now() + LONGEST_TOKEN + W_SIGN)]


async def test_the_standby_signs_at_once_when_the_active_key_is_burned(any_replica: Replica, clock: FakeClock) -> None:
    kid = await in_state(any_replica, clock, KeyState.ACTIVE)
    standby = any_replica.pending().kid

    burned = await any_replica.burning.burn(kid, reason="stolen")
    await any_replica.keyring.refresh()

    assert header_of(await any_replica.sign())["kid"] == standby
    assert burned == Burned(kid, "default", KeyState.ACTIVE, standby, any_replica.pending().kid, is_known=True)


async def test_the_key_set_names_the_burned_key_for_ever(any_replica: Replica, clock: FakeClock) -> None:
    kid = await in_state(any_replica, clock, KeyState.ACTIVE)
    await any_replica.burning.burn(kid, reason="stolen")

    for _ in range(3):
        clock.advance(T_ROT)
        await any_replica.rotation.tick()
        await any_replica.keyring.refresh()
        published = any_replica.keyring.published()
        assert published.revoked == (kid,)
        assert kid not in published.kids


async def test_burning_a_dead_key_changes_nothing(any_database: Database, any_replica: Replica, clock: FakeClock) -> None:
    kid = await in_state(any_replica, clock, KeyState.RETIRING)
    await any_replica.burning.burn(kid, reason="the first word")
    before = any_replica.ring(), fed(any_database), audit_of(any_replica)

    again = await any_replica.burning.burn(kid, reason="another word")

    assert again.was is KeyState.COMPROMISED
    assert (any_replica.ring(), fed(any_database), audit_of(any_replica)) == before


async def test_a_key_that_does_not_exist_cannot_be_burned(any_replica: Replica) -> None:
    await any_replica.start()

    with pytest.raises(BurnRefused):
        await any_replica.burning.burn("nobody", reason="a mistake")


async def test_the_intent_is_in_the_log_before_and_the_outcome_with_the_change(any_replica: Replica, clock: FakeClock) -> None:
    kid = await in_state(any_replica, clock, KeyState.ACTIVE)
    standby, epoch = any_replica.pending().kid, any_replica.ring().epoch

    await any_replica.burning.burn(kid, reason="stolen")

    told = [(event["name"], event["outcome"], event["actor"], event["detail"]) for event in audit_of(any_replica)]
    about_burned = {"ring": "default", "kid": kid, "epoch": epoch, "note": "stolen"}
    about_standby = {"ring": "default", "kid": standby, "epoch": epoch}
    expected = [
        ("key.burn_intended", "ok", "operator", about_burned),
        ("key.promotion_intended", "ok", "operator", about_standby),
        ("key.burned", "ok", "operator", about_burned),
        ("key.promoted", "ok", "operator", about_standby),
    ]
    at = told.index(expected[0])
    assert told[at : at + 4] == expected


async def test_a_fault_before_the_commit_leaves_everything_as_it_was(
    any_database: Database, any_replica: Replica, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One transaction: the feed entry is its last word, and without it nothing happened."""
    kid = await in_state(any_replica, clock, KeyState.ACTIVE)
    before = any_replica.ring()

    def fail(*_: object, **__: object) -> None:
        raise StoreUnavailable("the disk is full")

    monkeypatch.setattr("auth_server.revocation.feed.Feed.revoke_key", fail)
    with pytest.raises(StoreUnavailable):
        await any_replica.burning.burn(kid, reason="stolen")

    assert any_replica.ring().keys == before.keys
    assert (any_replica.ring().epoch, any_replica.ring().active_kid) == (before.epoch, kid)
    assert fed(any_database) == []
    assert not [event for event in audit_of(any_replica) if event["name"] == "key.burned"]
    await any_replica.keyring.refresh()
    assert header_of(await any_replica.sign())["kid"] == kid


async def test_burns_and_rotations_at_once_leave_one_key_that_signs(any_database: Database) -> None:
    replicas = [await Replica(any_database).start() for _ in range(8)]
    first, second = replicas[0].active().kid, replicas[0].pending().kid

    await asyncio.gather(
        *(each.burning.burn(first, reason="stolen") for each in replicas[:3]),
        *(each.burning.burn(second, reason="stolen too") for each in replicas[3:6]),
        *(each.rotation.rotate_now(emergency=True) for each in replicas[6:]),
        return_exceptions=True,
    )
    # A burn that found a standby gone just then was refused; said again, it holds.
    await replicas[0].burning.burn(first, reason="stolen")
    await replicas[0].burning.burn(second, reason="stolen too")

    keys = replicas[0].every()
    states = [key.state for key in keys.values()]
    assert states.count(KeyState.ACTIVE) == states.count(KeyState.PENDING) == 1
    assert {keys[kid].state for kid in (first, second)} == {KeyState.COMPROMISED}
    assert replicas[0].ring().active_kid == replicas[0].active().kid
    assert sorted(key for _, key, _ in fed(any_database)) == sorted([first, second])
    for each in replicas:
        each.keyring.close()


async def test_a_planned_burn_kills_nothing_that_can_still_be_signed(any_replica: Replica, clock: FakeClock) -> None:
    kid = await in_state(any_replica, clock, KeyState.ACTIVE)
    standby, began = any_replica.pending().kid, clock.ms
    told: list[Progress] = []

    def watch(progress: Progress) -> None:
        told.append(progress)
        if progress.stage is Stage.WAITING:
            assert any_replica.every()[kid].state is KeyState.RETIRING

    await any_replica.burning.burn(kid, reason="somebody left", planned=True, tell=watch)

    assert clock.ms - began > W_SIGN * 1000
    assert any_replica.every()[kid].state is KeyState.COMPROMISED
    assert told[0] == Progress(Stage.PROMOTED, standby)
    assert {progress.stage for progress in told[1:-2]} == {Stage.WAITING}
    assert [progress.seconds_left for progress in told[1:3]] == [W_SIGN, W_SIGN - 1]
    assert told[-2:] == [Progress(Stage.BURNED, kid), Progress(Stage.STANDBY_MADE, any_replica.pending().kid)]


async def test_a_planned_burn_waits_for_a_standby_that_everybody_knows(any_replica: Replica) -> None:
    await any_replica.start()
    before = any_replica.ring()

    with pytest.raises(BurnRefused):
        await any_replica.burning.burn(before.active_kid or "", reason="somebody left", planned=True)
    assert any_replica.ring().keys == before.keys


async def test_without_a_standby_one_is_made_before_the_active_key_dies(
    any_database: Database, any_replica: Replica, clock: FakeClock
) -> None:
    kid = await in_state(any_replica, clock, KeyState.ACTIVE)
    any_database.execute("DELETE FROM signing_key WHERE state = 'pending'")

    burned = await any_replica.burning.burn(kid, reason="stolen")

    assert any_replica.every()[kid].state is KeyState.COMPROMISED
    assert burned.active_kid == any_replica.active().kid != kid
    assert not burned.is_known


async def test_a_standby_that_does_not_open_is_not_promoted_and_can_be_burned_itself(
    any_database: Database, any_replica: Replica, clock: FakeClock
) -> None:
    kid = await in_state(any_replica, clock, KeyState.ACTIVE)
    broken = any_replica.pending().kid
    any_database.execute("UPDATE signing_key SET kek_id = 'lost' WHERE state = 'pending'")

    with pytest.raises(KeyUnavailable):
        await any_replica.burning.burn(kid, reason="stolen")
    assert any_replica.active().kid == kid

    await any_replica.burning.burn(broken, reason="does not open")
    await any_replica.burning.burn(kid, reason="stolen")
    assert {any_replica.every()[dead].state for dead in (kid, broken)} == {KeyState.COMPROMISED}


async def test_whoever_has_the_wrong_key_encryption_keys_burns_no_active_key(
    any_database: Database, any_replica: Replica
) -> None:
    await any_replica.start()
    stranger = Replica(any_database, keks=(OTHER_KEK,))

    with pytest.raises(KeyUnavailable):
        await stranger.burning.burn(any_replica.active().kid, reason="a mistake")

    assert any_replica.active().state is KeyState.ACTIVE
    stranger.keyring.close()
