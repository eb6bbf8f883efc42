"""Intents without an outcome: a change that a process died before, and no other (invariant K10)."""

from __future__ import annotations

import pytest

from auth_server.audit.events import EventName
from auth_server.keys.intents import OUTCOMES, Intent, carry_out, find_unfinished
from auth_server.store.transaction import Transaction
from tests.support.clock import FakeClock
from tests.support.databases import Database
from tests.support.keys import Replica

WEEK = 7 * 86_400


def an_intent(kid: str = "kid", epoch: int = 1) -> Intent:
    return Intent(EventName.KEY_PROMOTION_INTENDED, "default", kid, epoch, "job")


def die(_tx: Transaction) -> bool:
    raise KeyboardInterrupt


async def test_a_process_that_died_before_its_change_left_an_intent(any_database: Database) -> None:
    replica = await Replica(any_database).start()
    with pytest.raises(KeyboardInterrupt):
        await carry_out(replica.store, [an_intent()], die)

    (left,) = await find_unfinished(replica.store)

    assert (left.event, left.kid, left.ring) == ("key.promotion_intended", "kid", "default")
    replica.keyring.close()


@pytest.mark.parametrize("changed", [True, False])
async def test_a_change_that_was_made_or_superseded_left_none(changed: bool, any_database: Database) -> None:
    store = any_database.store()
    await carry_out(store, [an_intent()], lambda _tx: changed)

    assert await find_unfinished(store) == []


async def test_of_two_that_intended_the_same_the_one_that_died_is_reported(any_database: Database) -> None:
    store = any_database.store()
    await carry_out(store, [an_intent()], lambda _tx: True)
    with pytest.raises(KeyboardInterrupt):
        await carry_out(store, [an_intent()], die)

    assert len(await find_unfinished(store)) == 1


async def test_the_same_key_at_another_epoch_is_another_change(any_database: Database) -> None:
    store = any_database.store()
    with pytest.raises(KeyboardInterrupt):
        await carry_out(store, [an_intent(epoch=1)], die)
    await carry_out(store, [an_intent(epoch=2)], lambda _tx: True)

    assert [intent.epoch for intent in await find_unfinished(store)] == [1]


async def test_what_did_not_happen_a_week_ago_is_not_told_for_ever(any_database: Database, clock: FakeClock) -> None:
    store = any_database.store()
    with pytest.raises(KeyboardInterrupt):
        await carry_out(store, [an_intent()], die)
    clock.advance(WEEK + 1)

    assert await find_unfinished(store) == []


def test_every_event_about_a_key_has_its_intent() -> None:
    about_keys = {name for name in EventName if name.value.startswith("key.")}

    assert set(OUTCOMES) | set(OUTCOMES.values()) == about_keys
