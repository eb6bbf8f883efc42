"""A database that was restored from a backup: noticed, nothing signed, and nobody's valid token rejected once it is settled.

The backup holds every table that tells of keys; resource servers are told by what they were served last.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from auth_server.keys.burning import BurnRefused
from auth_server.keys.restore import RestoreRefused
from auth_server.keys.rotation import RotationRefused
from auth_server.protocol.errors import KeyUnavailable
from auth_server.store.signing_keys import KeyState
from tests.support.clock import FakeClock
from tests.support.databases import Database
from tests.support.keys import OTHER_KEK, POLICY, Replica, header_of

N = POLICY.timings.publish_ahead
V = POLICY.timings.retire_after
W_PUB = POLICY.timings.view_lease
M = POLICY.timings.jwks_max_age
_TABLES = ("signing_key", "key_ring", "key_halt", "audit_event", "feed_entry", "feed_head")


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "data" / "published-keys.journal"


@pytest.fixture
def replica(any_database: Database, journal: Path) -> Iterator[Replica]:
    made = Replica(any_database, journal=journal)
    yield made
    made.keyring.close()


def back_up(database: Database) -> None:
    for table in _TABLES:
        database.execute(f"CREATE TABLE backup_of_{table} AS SELECT * FROM {table}")


def restore(database: Database) -> None:
    for table in _TABLES:
        database.execute(f"DELETE FROM {table}")
        database.execute(f"INSERT INTO {table} SELECT * FROM backup_of_{table}")


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


async def test_the_restored_key_signs_at_once_while_it_is_still_published(
    any_database: Database, replica: Replica, clock: FakeClock
) -> None:
    """B < V: so it is for every backup that anybody should restore."""
    await replica.start()
    old = replica.active().kid
    back_up(any_database)
    await rotate(replica, clock)
    token = await replica.sign()
    published = replica.keyring.published()
    restore(any_database)
    await turn(replica)

    restored = await replica.restore.finish()
    await turn(replica)

    assert (restored.wait_seconds, restored.rings[0].active_kid, restored.rings[0].is_known) == (0, old, True)
    assert header_of(await replica.sign())["kid"] == old
    after = replica.keyring.published()
    assert after.epoch > published.epoch
    assert header_of(token)["kid"] in after.kids  # a token of the lost time is still accepted
    assert published.kids <= after.kids


async def test_what_was_burned_since_the_backup_stays_burned(any_database: Database, replica: Replica, clock: FakeClock) -> None:
    await replica.start()
    burned, standby = replica.active().kid, replica.pending().kid
    back_up(any_database)
    await replica.burning.burn(burned, reason="stolen")
    await replica.keyring.refresh()
    restore(any_database)
    assert replica.every()[burned].state is KeyState.ACTIVE

    restored = await replica.restore.finish()
    await turn(replica)

    assert restored.burned_again == (burned,)
    assert replica.every()[burned].state is KeyState.COMPROMISED
    assert replica.every()[burned].private_ref is None
    assert replica.active().kid == standby
    assert header_of(await replica.sign())["kid"] == standby
    assert replica.keyring.published().revoked == (burned,)


async def test_a_key_that_the_backup_never_saw_is_dead_when_it_was_burned_and_verifies_when_it_was_not(
    any_database: Database, replica: Replica, clock: FakeClock
) -> None:
    await replica.start()
    back_up(any_database)
    for _ in range(2):
        await rotate(replica, clock)
    signed_with = replica.active().kid
    token = await replica.sign()
    unborn = replica.pending().kid
    await replica.burning.burn(unborn, reason="stolen")
    await replica.keyring.refresh()
    last = replica.keyring.published()
    restore(any_database)
    assert signed_with not in replica.every()

    restored = await replica.restore.finish()
    await turn(replica)

    assert restored.burned_again == (unborn,)
    assert signed_with in restored.verifying
    after = replica.keyring.published()
    assert header_of(token)["kid"] in after.kids
    assert after.revoked == last.revoked == (unborn,)
    clock.advance(V + 1)
    await turn(replica)
    assert signed_with not in replica.keyring.published().kids  # its last token has expired long ago


async def test_the_standby_signs_when_the_restored_key_was_withdrawn_since(
    any_database: Database, replica: Replica, clock: FakeClock
) -> None:
    """A backup older than V: the active key of then is gone from every resource server; its standby of then is not."""
    await replica.start()
    old, standby = replica.active().kid, replica.pending().kid
    back_up(any_database)
    await rotate(replica, clock)
    clock.advance(V + 1)
    await turn(replica)
    assert old not in replica.keyring.published().kids
    restore(any_database)

    restored = await replica.restore.finish()
    await turn(replica)

    assert (restored.rings[0].active_kid, restored.wait_seconds) == (standby, 0)
    assert header_of(await replica.sign())["kid"] == standby
    assert replica.every()[old].state is KeyState.RETIRED  # K6: what left the key set does not come back
    assert replica.every()[old].private_ref is None


async def test_a_key_nobody_holds_is_published_for_long_enough_before_it_signs(
    any_database: Database, replica: Replica, journal: Path, clock: FakeClock
) -> None:
    await replica.start()
    back_up(any_database)
    for _ in range(3):
        await rotate(replica, clock)
        clock.advance(V + 1)
        await turn(replica)
    restore(any_database)

    restored = await replica.restore.finish()
    await turn(replica)

    kid = restored.rings[0].active_kid
    assert restored.wait_seconds == W_PUB + M + 1
    assert kid in replica.keyring.published().kids
    with pytest.raises(KeyUnavailable):
        await replica.sign()
    clock.advance(W_PUB + M)
    await turn(replica)
    with pytest.raises(KeyUnavailable):
        await replica.sign()
    clock.advance(1)
    await turn(replica)
    assert header_of(await replica.sign())["kid"] == kid


async def test_an_operator_may_accept_that_nobody_holds_the_key(any_database: Database, clock: FakeClock) -> None:
    """Without a journal nothing is known to be published."""
    replica = await Replica(any_database).start()

    restored = await replica.restore.finish(accept_unknown_key=True)
    await replica.keyring.refresh()

    assert (restored.journal, restored.rings[0].is_known, restored.wait_seconds) == (False, False, 0)
    assert await replica.sign()
    replica.keyring.close()


async def test_a_key_is_made_when_all_that_the_backup_has_are_dead(any_database: Database, replica: Replica) -> None:
    await replica.start()
    dead = {replica.active().kid, replica.pending().kid}
    back_up(any_database)
    for kid in dead:
        await replica.burning.burn(kid, reason="stolen")
    await replica.keyring.refresh()
    restore(any_database)

    restored = await replica.restore.finish()
    await turn(replica)

    assert restored.rings[0].is_new
    assert set(restored.burned_again) == dead
    assert replica.active().kid not in dead
    assert replica.pending().kid not in dead
    states = [key.state for key in replica.every().values()]
    assert (states.count(KeyState.ACTIVE), states.count(KeyState.PENDING)) == (1, 1)


async def test_the_audit_log_remembers_a_burn_without_a_journal(any_database: Database, clock: FakeClock) -> None:
    replica = await Replica(any_database).start()
    burned = replica.pending().kid
    await replica.burning.burn(burned, reason="stolen")
    # As when the tables of keys alone were restored.
    any_database.execute("UPDATE signing_key SET state = 'retiring', tombstoned_at = NULL WHERE kid = :kid", kid=burned)

    restored = await replica.restore.finish()

    assert restored.burned_again == (burned,)
    replica.keyring.close()


async def test_wrong_key_encryption_keys_finish_nothing(
    any_database: Database, replica: Replica, journal: Path, clock: FakeClock
) -> None:
    await replica.start()
    back_up(any_database)
    await rotate(replica, clock)
    restore(any_database)
    stranger = Replica(any_database, keks=(OTHER_KEK,), journal=journal)
    before = replica.every()

    with pytest.raises(KeyUnavailable):
        await stranger.restore.finish()

    assert replica.every() == before
    await replica.keyring.refresh()
    assert replica.keyring.fault() is not None
    stranger.keyring.close()


async def test_an_empty_database_has_nothing_to_finish(replica: Replica) -> None:
    with pytest.raises(RestoreRefused):
        await replica.restore.finish()


async def test_a_new_database_beside_an_old_journal_is_no_rollback(
    any_database: Database, replica: Replica, clock: FakeClock
) -> None:
    await replica.start()
    for table in ("signing_key", "key_ring"):
        any_database.execute(f"DELETE FROM {table}")
    clock.advance(1)

    await replica.start()

    assert await replica.sign()


async def test_finishing_a_healthy_database_rejects_nothing(replica: Replica) -> None:
    await replica.start()
    before = replica.keyring.published()

    await replica.restore.finish()
    await turn(replica)

    after = replica.keyring.published()
    assert (after.kids, after.revoked) == (before.kids, before.revoked)
    assert after.epoch > before.epoch
    assert await replica.sign()


async def test_a_copied_file_put_back_is_noticed_and_settled(database: Database, journal: Path, clock: FakeClock) -> None:
    """With real files, as an operator does it."""
    replica = await Replica(database, journal=journal).start()
    live = Path(database.url.removeprefix("sqlite:///"))
    backup = live.with_name("backup.sqlite3")
    with sqlite3.connect(live) as source, sqlite3.connect(backup) as target:
        source.backup(target)
    await rotate(replica, clock)
    served = replica.keyring.jwks()
    replica.keyring.close()
    database.close()
    for leftover in live.parent.glob(f"{live.name}*"):
        leftover.unlink()
    shutil.copyfile(backup, live)

    restarted = await Replica(database, journal=journal).start()
    assert restarted.keyring.fault() is not None
    assert restarted.keyring.jwks() == served
    await restarted.restore.finish()
    await turn(restarted)

    assert await restarted.sign()
    restarted.keyring.close()
