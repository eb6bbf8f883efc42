"""A restore that is finished, where the journal and the backup do not agree on which keys there are: none returns, none is missed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from auth_server.protocol.errors import KeyUnavailable
from auth_server.store.signing_keys import KeyState
from tests.support.backups import back_up, restore
from tests.support.clock import FakeClock
from tests.support.databases import Database
from tests.support.keys import OTHER_KEK, POLICY, Replica, header_of

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


async def test_a_burn_that_no_key_set_told_yet_is_known_from_the_journal(
    any_database: Database, replica: Replica, clock: FakeClock
) -> None:
    """The command that burns writes the tombstone down before it says that the key is dead."""
    await replica.start()
    burned = replica.active().kid
    back_up(any_database)
    await replica.burning.burn(burned, reason="stolen")
    restore(any_database)

    restored = await replica.restore.finish()

    assert restored.burned_again == (burned,)
    assert replica.every()[burned].state is KeyState.COMPROMISED


async def test_a_standby_that_is_too_young_waits_until_everybody_holds_it(
    any_database: Database, replica: Replica, clock: FakeClock
) -> None:
    await replica.start()
    burned, standby = replica.active().kid, replica.pending().kid
    back_up(any_database)
    await replica.burning.burn(burned, reason="stolen")
    restore(any_database)

    restored = await replica.restore.finish()

    assert (restored.rings[0].active_kid, restored.wait_seconds) == (standby, W_PUB + M + 1)


async def test_a_retired_key_that_was_published_last_verifies_for_v_from_now(
    any_database: Database, replica: Replica, clock: FakeClock
) -> None:
    """After an earlier restore it may have signed again, later than this backup says."""
    await replica.start()
    old = replica.active().kid
    await rotate(replica, clock)
    back_up(any_database)
    clock.advance(V - 1)
    await replica.rotation.rotate_now(emergency=True)
    await replica.keyring.refresh()
    assert old in replica.keyring.published().kids
    restore(any_database)

    await replica.restore.finish()
    clock.advance(V)
    await turn(replica)

    assert old in replica.keyring.published().kids
    clock.advance(1)
    await turn(replica)
    assert old not in replica.keyring.published().kids


async def test_a_key_nobody_holds_is_published_for_long_enough_before_it_signs(
    any_database: Database, replica: Replica, journal: Path, clock: FakeClock
) -> None:
    """A backup older than everything that is published: its keys are gone, and stay so (K6)."""
    await replica.start()
    gone = {replica.active().kid, replica.pending().kid}
    back_up(any_database)
    for _ in range(3):
        await rotate(replica, clock)
        clock.advance(V + 1)
        await turn(replica)
    restore(any_database)

    restored = await replica.restore.finish()
    await turn(replica)

    kid = restored.rings[0].active_kid
    assert restored.rings[0].is_new
    assert not gone & replica.keyring.published().kids
    assert all(replica.every()[old].private_ref is None for old in gone)
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


async def test_wrong_key_encryption_keys_make_no_key(
    any_database: Database, replica: Replica, journal: Path, clock: FakeClock
) -> None:
    """Also where a new one would be needed: nobody else could open it."""
    await replica.start()
    back_up(any_database)
    for _ in range(3):
        await rotate(replica, clock)
        clock.advance(V + 1)
        await turn(replica)
    restore(any_database)
    stranger = Replica(any_database, keks=(OTHER_KEK,), journal=journal)

    with pytest.raises(KeyUnavailable):
        await stranger.restore.finish()

    stranger.keyring.close()


async def test_what_was_retired_after_the_last_look_of_this_machine_goes_on_verifying(
    any_database: Database, replica: Replica, clock: FakeClock
) -> None:
    """A journal that is older than the database knows nothing of what was withdrawn."""
    await replica.start()
    other = Replica(any_database)
    for _ in range(2):
        clock.advance(N + 1)
        await other.rotation.rotate_now()
    retiring = {kid for kid, key in replica.every().items() if key.state is KeyState.RETIRING}

    await replica.restore.finish()
    await turn(replica)

    assert retiring <= replica.keyring.published().kids | {replica.active().kid}
    other.keyring.close()
