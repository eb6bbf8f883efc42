"""A restore that is finished, where the journal and the backup do not agree on which keys there are: none returns, none is missed."""

from __future__ import annotations

from pathlib import Path

import pytest

from auth_server.keys.rotation import RotationRefused
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


async def test_a_burn_that_no_key_set_told_yet_is_known_from_the_journal(any_database: Database, journaled: Replica) -> None:
    """The command that burns writes the tombstone down before it says that the key is dead."""
    await journaled.start()
    burned = journaled.active().kid
    back_up(any_database)
    await journaled.burning.burn(burned, reason="stolen")
    restore(any_database)

    restored = await journaled.restore.finish()

    assert restored.burned_again == (burned,)
    assert journaled.every()[burned].state is KeyState.COMPROMISED


async def test_what_nobody_is_known_to_have_held_is_published_anew(any_database: Database, clock: FakeClock) -> None:
    """Without a journal the age that the backup gives a standby says nothing: it serves its N again."""
    replica = await Replica(any_database).start()
    clock.advance(N + 1)

    await replica.restore.finish()

    assert {key.published_at for key in replica.every().values()} == {clock.ms}
    with pytest.raises(RotationRefused):
        await replica.rotation.rotate_now()
    clock.advance(N + 1)
    assert await replica.rotation.rotate_now()
    replica.keyring.close()


async def test_a_standby_that_is_too_young_waits_until_everybody_holds_it(any_database: Database, journaled: Replica) -> None:
    await journaled.start()
    burned, standby = journaled.active().kid, journaled.pending().kid
    back_up(any_database)
    await journaled.burning.burn(burned, reason="stolen")
    restore(any_database)

    restored = await journaled.restore.finish()

    assert (restored.rings[0].active_kid, restored.wait_seconds) == (standby, W_PUB + M + 1)


async def test_a_retired_key_that_was_published_last_verifies_for_v_from_now(
    any_database: Database, journaled: Replica, clock: FakeClock
) -> None:
    """After an earlier restore it may have signed again, later than this backup says."""
    await journaled.start()
    old = journaled.active().kid
    await journaled.rotate()
    back_up(any_database)
    clock.advance(V - 1)
    await journaled.rotation.rotate_now(emergency=True)
    await journaled.keyring.refresh()
    assert old in journaled.keyring.published().kids
    restore(any_database)

    await journaled.restore.finish()
    clock.advance(V)
    await journaled.turn()

    assert old in journaled.keyring.published().kids
    clock.advance(1)
    await journaled.turn()
    assert old not in journaled.keyring.published().kids


async def test_a_key_nobody_holds_is_published_for_long_enough_before_it_signs(
    any_database: Database, journaled: Replica, journal: Path, clock: FakeClock
) -> None:
    """A backup older than everything that is published: its keys are gone, and stay so (K6)."""
    await journaled.start()
    gone = {journaled.active().kid, journaled.pending().kid}
    back_up(any_database)
    for _ in range(3):
        await journaled.rotate()
        clock.advance(V + 1)
        await journaled.turn()
    restore(any_database)

    restored = await journaled.restore.finish()
    await journaled.turn()

    kid = restored.rings[0].active_kid
    assert restored.rings[0].is_new
    assert not gone & journaled.keyring.published().kids
    assert all(journaled.every()[old].private_ref is None for old in gone)
    assert restored.wait_seconds == W_PUB + M + 1
    assert kid in journaled.keyring.published().kids
    with pytest.raises(KeyUnavailable):
        await journaled.sign()
    clock.advance(W_PUB + M)
    await journaled.turn()
    with pytest.raises(KeyUnavailable):
        await journaled.sign()
    clock.advance(1)
    await journaled.turn()
    assert header_of(await journaled.sign())["kid"] == kid


async def test_wrong_key_encryption_keys_make_no_key(
    any_database: Database, journaled: Replica, journal: Path, clock: FakeClock
) -> None:
    """Also where a new one would be needed: nobody else could open it."""
    await journaled.start()
    back_up(any_database)
    for _ in range(3):
        await journaled.rotate()
        clock.advance(V + 1)
        await journaled.turn()
    restore(any_database)
    stranger = Replica(any_database, keks=(OTHER_KEK,), journal=journal)

    with pytest.raises(KeyUnavailable):
        await stranger.restore.finish()

    stranger.keyring.close()


async def test_what_was_retired_after_the_last_look_of_this_machine_goes_on_verifying(
    any_database: Database, journaled: Replica, clock: FakeClock
) -> None:
    """A journal that is older than the database knows nothing of what was withdrawn."""
    await journaled.start()
    other = Replica(any_database)
    for _ in range(2):
        clock.advance(N + 1)
        await other.rotation.rotate_now()
    retiring = {kid for kid, key in journaled.every().items() if key.state is KeyState.RETIRING}

    await journaled.restore.finish()
    await journaled.turn()

    assert retiring <= journaled.keyring.published().kids | {journaled.active().kid}
    other.keyring.close()
