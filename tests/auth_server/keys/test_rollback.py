"""A database that is older than what was published: noticed before anything changes, and nothing is signed from it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from auth_server.keys.burning import BurnRefused
from auth_server.keys.rotation import RotationRefused
from auth_server.protocol.errors import KeyUnavailable
from tests.support.backups import back_up, restore
from tests.support.clock import FakeClock
from tests.support.databases import Database
from tests.support.keys import POLICY, Replica


async def test_a_database_older_than_what_was_published_signs_nothing_and_changes_nothing(
    any_database: Database, journaled: Replica, clock: FakeClock
) -> None:
    await journaled.start()
    back_up(any_database)
    await journaled.rotate()
    served = journaled.keyring.jwks()
    restore(any_database)
    before = journaled.ring()

    clock.advance(POLICY.rotation_period)
    await journaled.turn()

    assert journaled.keyring.fault() == "the database is older than what was published; run auth-server restore finish"
    with pytest.raises(KeyUnavailable):
        await journaled.sign()
    with pytest.raises(RotationRefused):
        await journaled.rotation.rotate_now(emergency=True)
    with pytest.raises(BurnRefused):
        await journaled.burning.burn(before.active_kid or "", reason="a mistake")
    assert "restore finish" in journaled.keyring.warnings()[0]
    assert journaled.ring().keys == before.keys
    assert journaled.ring().epoch == before.epoch
    assert journaled.keyring.jwks() == served  # what every resource server holds goes on being served


async def test_a_start_notices_it_before_it_changes_anything(
    any_database: Database, journaled: Replica, journal: Path, clock: FakeClock
) -> None:
    """A promotion that is due at once would raise the epoch above the journal's, and the loss would never show."""
    await journaled.start()
    back_up(any_database)
    await journaled.rotate()
    restore(any_database)
    clock.advance(POLICY.rotation_period)

    restarted = await Replica(any_database, journal=journal).start()

    assert restarted.keyring.fault() is not None
    restarted.keyring.close()


async def test_replicas_that_keep_no_journal_stop_too(any_database: Database, journaled: Replica) -> None:
    await journaled.start()
    other = await Replica(any_database).start()
    back_up(any_database)
    await journaled.rotate()
    restore(any_database)

    await journaled.keyring.refresh()
    await other.turn()

    with pytest.raises(KeyUnavailable):
        await other.sign()
    with pytest.raises(KeyUnavailable):
        other.keyring.jwks()  # it does not know what was published, and so says nothing
    other.keyring.close()


async def test_a_burned_key_that_is_alive_again_is_noticed_although_the_epoch_went_on(
    any_database: Database, journaled: Replica, clock: FakeClock
) -> None:
    """A replica that keeps no journal rotated meanwhile: by the epoch alone the database is not older any more."""
    await journaled.start()
    burned = journaled.active().kid
    back_up(any_database)
    await journaled.burning.burn(burned, reason="stolen")
    restore(any_database)
    clock.advance(POLICY.rotation_period)
    stranger = Replica(any_database)
    await stranger.turn()
    last = await journaled.watch.last_published()
    assert last is not None
    assert stranger.ring().epoch > last.epoch
    assert burned in stranger.published()

    await journaled.turn()

    assert journaled.keyring.fault() is not None
    assert burned not in journaled.published()
    stranger.keyring.close()


async def test_the_alarm_is_raised_once(any_database: Database, journaled: Replica) -> None:
    await journaled.start()
    back_up(any_database)
    await journaled.rotate()
    restore(any_database)

    for _ in range(3):
        await journaled.turn()

    events = [json.loads(body) for _, body in journaled.store.read_blocking(lambda tx: tx.audit_events.since(0, 1000))]
    assert [event["outcome"] for event in events if event["name"] == "state_rollback_detected"] == ["alarm"]


async def test_a_new_database_beside_an_old_journal_is_no_rollback(
    any_database: Database, journaled: Replica, clock: FakeClock
) -> None:
    await journaled.start()
    for table in ("signing_key", "key_ring"):
        any_database.execute(f"DELETE FROM {table}")
    clock.advance(1)

    await journaled.start()

    assert await journaled.sign()
