"""A restore that is finished: what was burned stays burned, what was handed out is accepted, and the issuer signs again."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from auth_server.keys.restore import RestoreRefused
from auth_server.keys.rings import Rings
from auth_server.protocol.errors import KeyUnavailable
from auth_server.store.signing_keys import KeyState
from shared.jose import ED25519, ES256, RS256
from tests.support.backups import back_up, restore
from tests.support.clock import FakeClock
from tests.support.databases import Database
from tests.support.keys import OTHER_KEK, POLICY, Replica, header_of

N = POLICY.timings.publish_ahead
V = POLICY.timings.retire_after
W_PUB = POLICY.timings.view_lease
M = POLICY.timings.jwks_max_age


async def test_the_restored_key_signs_at_once_while_it_is_still_published(any_database: Database, journaled: Replica) -> None:
    """B < V: so it is for every backup that anybody should restore."""
    await journaled.start()
    old = journaled.active().kid
    back_up(any_database)
    await journaled.rotate()
    token = await journaled.sign()
    published = journaled.keyring.published()
    restore(any_database)
    await journaled.turn()

    restored = await journaled.restore.finish()
    await journaled.turn()

    assert (restored.wait_seconds, restored.rings[0].active_kid, restored.rings[0].is_known) == (0, old, True)
    assert header_of(await journaled.sign())["kid"] == old
    after = journaled.keyring.published()
    assert after.epoch > published.epoch
    assert header_of(token)["kid"] in after.kids  # a token of the lost time is still accepted
    assert published.kids <= after.kids


async def test_what_was_burned_since_the_backup_stays_burned(
    any_database: Database, journaled: Replica, clock: FakeClock
) -> None:
    await journaled.start()
    burned, standby = journaled.active().kid, journaled.pending().kid
    clock.advance(W_PUB + M + 1)
    back_up(any_database)
    await journaled.burning.burn(burned, reason="stolen")
    await journaled.keyring.refresh()
    restore(any_database)
    assert journaled.every()[burned].state is KeyState.ACTIVE

    restored = await journaled.restore.finish()
    await journaled.turn()

    assert restored.burned_again == (burned,)
    assert journaled.every()[burned].state is KeyState.COMPROMISED
    assert journaled.every()[burned].private_ref is None
    assert journaled.active().kid == standby
    assert header_of(await journaled.sign())["kid"] == standby
    assert journaled.keyring.published().revoked == (burned,)
    # The backup's feed has forgotten it as well, and an API that follows nothing else would take its tokens for a day.
    assert any_database.execute("SELECT kind, key FROM feed_entry ORDER BY n") == [("kid", burned)]


async def test_a_key_that_the_backup_never_saw_is_dead_when_it_was_burned_and_verifies_when_it_was_not(
    any_database: Database, journaled: Replica, clock: FakeClock
) -> None:
    await journaled.start()
    back_up(any_database)
    for _ in range(2):
        await journaled.rotate()
    signed_with = journaled.active().kid
    token = await journaled.sign()
    unborn = journaled.pending().kid
    await journaled.burning.burn(unborn, reason="stolen")
    await journaled.keyring.refresh()
    last = journaled.keyring.published()
    restore(any_database)
    assert signed_with not in journaled.every()

    restored = await journaled.restore.finish()
    await journaled.turn()

    assert restored.burned_again == (unborn,)
    assert signed_with in restored.verifying
    after = journaled.keyring.published()
    assert header_of(token)["kid"] in after.kids
    assert after.revoked == last.revoked == (unborn,)
    clock.advance(V + 1)
    await journaled.turn()
    assert signed_with not in journaled.keyring.published().kids  # its last token has expired long ago


async def test_the_standby_signs_when_the_restored_key_was_withdrawn_since(
    any_database: Database, journaled: Replica, clock: FakeClock
) -> None:
    """A backup older than V: the active key of then is gone from every resource server; its standby of then is not."""
    await journaled.start()
    old, standby = journaled.active().kid, journaled.pending().kid
    back_up(any_database)
    await journaled.rotate()
    clock.advance(V + 1)
    await journaled.turn()
    assert old not in journaled.keyring.published().kids
    restore(any_database)

    restored = await journaled.restore.finish()
    await journaled.turn()

    assert (restored.rings[0].active_kid, restored.wait_seconds) == (standby, 0)
    assert header_of(await journaled.sign())["kid"] == standby
    assert journaled.every()[old].state is KeyState.RETIRED  # K6: what left the key set does not come back
    assert journaled.every()[old].private_ref is None


async def test_an_operator_may_accept_that_nobody_holds_the_key(any_database: Database) -> None:
    """Without a journal nothing is known to be published."""
    replica = await Replica(any_database).start()

    restored = await replica.restore.finish(accept_unknown_key=True)
    await replica.keyring.refresh()

    assert (restored.journal, restored.rings[0].is_known, restored.wait_seconds) == (False, False, 0)
    assert await replica.sign()
    replica.keyring.close()


async def test_a_key_is_made_when_all_that_the_backup_has_are_dead(any_database: Database, journaled: Replica) -> None:
    await journaled.start()
    dead = {journaled.active().kid, journaled.pending().kid}
    back_up(any_database)
    for kid in dead:
        await journaled.burning.burn(kid, reason="stolen")
    await journaled.keyring.refresh()
    restore(any_database)

    restored = await journaled.restore.finish()
    await journaled.turn()

    assert restored.rings[0].is_new
    assert set(restored.burned_again) == dead
    assert journaled.active().kid not in dead
    assert journaled.pending().kid not in dead
    states = [key.state for key in journaled.every().values()]
    assert (states.count(KeyState.ACTIVE), states.count(KeyState.PENDING)) == (1, 1)


async def test_the_audit_log_remembers_a_burn_without_a_journal(any_database: Database) -> None:
    replica = await Replica(any_database).start()
    burned = replica.pending().kid
    await replica.burning.burn(burned, reason="stolen")
    # As when the tables of keys alone were restored.
    any_database.execute("UPDATE signing_key SET state = 'retiring', tombstoned_at = NULL WHERE kid = :kid", kid=burned)

    restored = await replica.restore.finish()

    assert restored.burned_again == (burned,)
    replica.keyring.close()


async def test_wrong_key_encryption_keys_finish_nothing(any_database: Database, journaled: Replica, journal: Path) -> None:
    await journaled.start()
    back_up(any_database)
    await journaled.rotate()
    restore(any_database)
    stranger = Replica(any_database, keks=(OTHER_KEK,), journal=journal)
    before = journaled.every()

    with pytest.raises(KeyUnavailable):
        await stranger.restore.finish()

    assert journaled.every() == before
    await journaled.keyring.refresh()
    assert journaled.keyring.fault() is not None
    stranger.keyring.close()


async def test_an_empty_database_has_nothing_to_finish(journaled: Replica) -> None:
    with pytest.raises(RestoreRefused):
        await journaled.restore.finish()


async def test_finishing_a_healthy_database_rejects_nothing(journaled: Replica) -> None:
    await journaled.start()
    before = journaled.keyring.published()

    await journaled.restore.finish()
    await journaled.turn()

    after = journaled.keyring.published()
    assert (after.kids, after.revoked) == (before.kids, before.revoked)
    assert after.epoch > before.epoch
    assert await journaled.sign()


async def test_a_copied_file_put_back_is_noticed_and_settled(database: Database, journal: Path) -> None:
    """With real files, as an operator does it."""
    replica = await Replica(database, journal=journal).start()
    live = Path(database.url.removeprefix("sqlite:///"))
    backup = live.with_name("backup.sqlite3")
    with sqlite3.connect(live) as source, sqlite3.connect(backup) as target:
        source.backup(target)
    await replica.rotate()
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
    await restarted.turn()

    assert await restarted.sign()
    restarted.keyring.close()


async def test_every_ring_is_settled_in_one_go(any_database: Database, journal: Path, clock: FakeClock) -> None:
    """A ring that did not sign yet still does not, and none is left behind."""
    replica = Replica(any_database, journal=journal)
    kept: dict[str, Any] = {"store": replica.store, "custodians": replica.custodians, "policy": POLICY, "watch": replica.watch}
    await Rings(**kept, algorithms=(ED25519, ES256)).initialise()
    clock.advance(N + 1)
    rings = Rings(**kept, algorithms=(ED25519, ES256, RS256))
    await rings.initialise()
    await replica.keyring.refresh()
    back_up(any_database)
    for alg in (ED25519, ES256):
        await rings.of(alg).rotate_now(emergency=True)
    await replica.keyring.refresh()
    restore(any_database)

    restored = await replica.restore.finish()
    await rings.tick()
    await replica.keyring.refresh()

    assert {ring.ring: ring.active_kid is not None for ring in restored.rings} == {ED25519: True, ES256: True, RS256: False}
    assert restored.wait_seconds == 0
    for alg in (ED25519, ES256):
        assert await replica.keyring.sign({"sub": "alice"}, "at+jwt", alg)
    with pytest.raises(KeyUnavailable):
        await replica.keyring.sign({"sub": "alice"}, "at+jwt", RS256)
    replica.keyring.close()
