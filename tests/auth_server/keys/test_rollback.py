"""A database that is older than what was published: noticed before anything changes, and nothing is signed from it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from auth_server.keys.burning import BurnRefused
from auth_server.keys.rotation import RotationRefused
from auth_server.protocol.errors import KeyUnavailable
from tests.support.backups import back_up, restore
from tests.support.clock import FakeClock
from tests.support.databases import Database
from tests.support.keys import POLICY, Replica

N = POLICY.timings.publish_ahead
V = POLICY.timings.retire_after
W_PUB = POLICY.timings.view_lease
M = POLICY.timings.jwks_max_age


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "data" / "published-keys.journal"


@pytest.fixture
def replica(any_database: Database, journal: Path) -> Iterator[Replica]:
    made = Replica(any_database, journal=journal)
    yield made
    made.keyring.close()


async def turn(replica: Replica) -> None:
    """One turn of the job that keeps the keys."""
    await replica.rotation.tick()
    await replica.keyring.refresh()


async def rotate(replica: Replica, clock: FakeClock) -> None:
    clock.advance(N + 1)
    await replica.rotation.rotate_now()
    await replica.keyring.refresh()


async def test_a_database_older_than_what_was_published_signs_nothing_and_changes_nothing(
    any_database: Database, replica: Replica, clock: FakeClock
) -> None:
    await replica.start()
    back_up(any_database)
    await rotate(replica, clock)
    served = replica.keyring.jwks()
    restore(any_database)
    before = replica.ring()

    clock.advance(POLICY.rotation_period)
    await turn(replica)

    assert replica.keyring.fault() == "the database is older than what was published; run auth-server restore finish"
    with pytest.raises(KeyUnavailable):
        await replica.sign()
    with pytest.raises(RotationRefused):
        await replica.rotation.rotate_now(emergency=True)
    with pytest.raises(BurnRefused):
        await replica.burning.burn(before.active_kid or "", reason="a mistake")
    assert "restore finish" in replica.keyring.warnings()[0]
    assert replica.ring().keys == before.keys
    assert replica.ring().epoch == before.epoch
    assert replica.keyring.jwks() == served  # what every resource server holds goes on being served


async def test_a_start_notices_it_before_it_changes_anything(
    any_database: Database, replica: Replica, journal: Path, clock: FakeClock
) -> None:
    """A promotion that is due at once would raise the epoch above the journal's, and the loss would never show."""
    await replica.start()
    back_up(any_database)
    await rotate(replica, clock)
    restore(any_database)
    clock.advance(POLICY.rotation_period)

    restarted = await Replica(any_database, journal=journal).start()

    assert restarted.keyring.fault() is not None
    restarted.keyring.close()


async def test_replicas_that_keep_no_journal_stop_too(any_database: Database, replica: Replica, clock: FakeClock) -> None:
    await replica.start()
    other = await Replica(any_database).start()
    back_up(any_database)
    await rotate(replica, clock)
    restore(any_database)

    await replica.keyring.refresh()
    await turn(other)

    with pytest.raises(KeyUnavailable):
        await other.sign()
    with pytest.raises(KeyUnavailable):
        other.keyring.jwks()  # it does not know what was published, and so says nothing
    other.keyring.close()


async def test_the_alarm_is_raised_once(any_database: Database, replica: Replica, clock: FakeClock) -> None:
    await replica.start()
    back_up(any_database)
    await rotate(replica, clock)
    restore(any_database)

    for _ in range(3):
        await turn(replica)

    events = [json.loads(body) for _, body in replica.store.read_blocking(lambda tx: tx.audit_events.since(0, 1000))]
    assert [event["outcome"] for event in events if event["name"] == "state_rollback_detected"] == ["alarm"]


async def test_a_new_database_beside_an_old_journal_is_no_rollback(
    any_database: Database, replica: Replica, clock: FakeClock
) -> None:
    await replica.start()
    for table in ("signing_key", "key_ring"):
        any_database.execute(f"DELETE FROM {table}")
    clock.advance(1)

    await replica.start()

    assert await replica.sign()
