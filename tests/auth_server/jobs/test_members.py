"""The jobs there are."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import text

from auth_server.jobs.purge_expired import SLICE, PurgeExpired, all_purges
from auth_server.jobs.rotate_keys import RotateKeys
from auth_server.keys.rings import Rings
from auth_server.protocol.errors import KeyUnavailable
from auth_server.protocol.refresh import RefreshPolicy
from auth_server.store.store import Store
from shared.jose import ED25519
from shared.key_policy import KeyPolicy
from shared.revocation import RevocationEntry, RevocationKind
from tests.support.clock import FakeClock
from tests.support.databases import Database
from tests.support.keys import POLICY, Replica

REFRESH = RefreshPolicy()


def a_rotate_keys(replica: Replica, timings: KeyPolicy = POLICY.timings) -> RotateKeys:
    rings = Rings(store=replica.store, custodians=replica.custodians, policy=replica.policy, algorithms=[replica.alg])
    return RotateKeys(rings=rings, keyring=replica.keyring, timings=timings)


@pytest.mark.parametrize("sign_lease, interval", [(60, 10), (600, 10), (3, 0.5)])
def test_the_ring_is_read_several_times_within_a_lease(database: Database, sign_lease: float, interval: float) -> None:
    job = a_rotate_keys(Replica(database, ring=ED25519), replace(POLICY.timings, sign_lease=sign_lease))

    assert (job.interval, job.spread) == (interval, pytest.approx(0.3 * interval))


async def test_keys_rotate_and_the_view_follows(database: Database, clock: FakeClock) -> None:
    replica = await Replica(database, ring=ED25519).start()
    standby = replica.pending().kid
    clock.advance(POLICY.rotation_period)

    await a_rotate_keys(replica).run()

    assert replica.active().kid == standby
    assert await replica.sign()
    replica.keyring.close()


async def test_a_rotation_that_fails_does_not_keep_the_view_from_being_read(
    database: Database, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    replica = await Replica(database, ring=ED25519).start()
    database.execute("UPDATE signing_key SET kek_id = 'lost' WHERE state = 'pending'")
    clock.advance(POLICY.rotation_period)
    fresh = Replica(database, ring=ED25519)
    job = a_rotate_keys(fresh)

    for _ in range(3):
        with pytest.raises(KeyUnavailable):
            await job.run()

    assert await fresh.sign()
    assert len([record for record in caplog.records if "pending key" in record.message]) == 1
    for each in (replica, fresh):
        each.keyring.close()


def revoke(store: Store, count: int, until: int) -> None:
    for n in range(count):
        entry = RevocationEntry(RevocationKind.TOKEN, f"{until}-{n}", until=until)
        store.run_blocking(lambda tx, entry=entry: tx.revoke(entry))  # type: ignore[misc]


async def test_what_expired_is_purged_and_what_did_not_stays(any_store: Store, clock: FakeClock) -> None:
    revoke(any_store, 3, until=clock.now() - 1)
    revoke(any_store, 2, until=clock.now())

    await PurgeExpired(store=any_store, purges=all_purges(REFRESH)).run()

    assert len(any_store.read_blocking(lambda tx: tx.revocations.since(0, 10))) == 2


async def test_a_backlog_is_purged_in_slices(any_store: Store, clock: FakeClock) -> None:
    rows = [{"n": n, "at": 0, "kind": "jti", "key": str(n), "until": 0} for n in range(1, 2 * SLICE + 10)]
    statement = text('INSERT INTO feed_entry (n, at, kind, "key", until) VALUES (:n, :at, :kind, :key, :until)')
    any_store.run_blocking(lambda tx: tx._connection.execute(statement, rows))
    deleted: list[int] = []
    purge = all_purges(REFRESH)["feed entries"]

    def counted(tx: object, limit: int) -> int:
        deleted.append(purge(tx, limit))  # type: ignore[arg-type]
        return deleted[-1]

    await PurgeExpired(store=any_store, purges={"feed entries": counted}).run()

    assert deleted == [SLICE, SLICE, 9]


async def test_every_kind_can_be_purged_on_an_empty_database(any_store: Store) -> None:
    for purge in all_purges(REFRESH).values():
        assert await any_store.run(lambda tx, purge=purge: purge(tx, SLICE)) == 0  # type: ignore[misc]
