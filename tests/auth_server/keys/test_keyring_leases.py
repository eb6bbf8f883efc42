"""The keyring signs under a lease, publishes under a longer one, and does neither on an old view."""

from __future__ import annotations

import asyncio

import pytest

from auth_server.keys.keyring import Keyring
from auth_server.keys.turns import IN_LINE
from auth_server.protocol.errors import KeyUnavailable, StoreUnavailable
from shared.jose import ED25519
from shared.key_policy import KeyPolicy
from tests.support.clock import FakeClock
from tests.support.databases import Database
from tests.support.keys import Replica
from tests.support.watchful_custodian import WatchfulCustodian, a_keyring

W_SIGN = KeyPolicy().sign_lease
W_PUB = KeyPolicy().view_lease
EPSILON = KeyPolicy().clock_error


async def test_the_signing_lease_ends_by_the_monotonic_clock(replica: Replica, clock: FakeClock) -> None:
    await replica.start()
    clock.advance(W_SIGN)
    await replica.sign()

    clock.advance(0.001)
    clock.set(clock.ms - 3_600_000)  # the time of day goes back; the lease does not come back

    with pytest.raises(KeyUnavailable):
        await replica.sign()
    assert "old" in str(replica.keyring.fault(ED25519))


async def test_a_view_is_as_old_as_its_question(replica: Replica, clock: FakeClock) -> None:
    """However long the answer takes, it tells of the moment at which it was asked for, or of a later one."""
    await replica.rotation.initialise()
    keyring = a_keyring(replica, WatchfulCustodian(clock, load_seconds=W_SIGN / 2 + 1))

    await keyring.refresh()  # opens the active key and the standby

    with pytest.raises(KeyUnavailable):
        await keyring.sign({}, "at+jwt", ED25519)
    keyring.close()


async def test_a_refresh_renews_both_leases(replica: Replica, clock: FakeClock) -> None:
    await replica.start()
    clock.advance(W_PUB + 1)

    await replica.keyring.refresh()

    assert await replica.sign()
    assert replica.keyring.jwks()


class PausedClock(FakeClock):
    """The process is frozen for an hour right after it looked at the time."""

    frozen_after_reading = False

    def now(self) -> int:
        read = super().now()
        if self.frozen_after_reading:
            self.advance(3600)
        return read


async def test_a_process_that_was_paused_after_reading_the_time_does_not_sign(database: Database) -> None:
    clock = PausedClock()
    replica = await Replica(database, clock=clock).start()
    clock.frozen_after_reading = True

    with pytest.raises(KeyUnavailable):
        await replica.keyring.sign_at(lambda now: {"iat": now}, "at+jwt", ED25519)
    replica.keyring.close()


@pytest.mark.parametrize("error", [EPSILON + 0.1, -EPSILON - 0.1])
async def test_a_wall_clock_that_is_off_does_not_sign_but_publishes(replica: Replica, clock: FakeClock, error: float) -> None:
    await replica.start()
    clock.wall_error = error

    with pytest.raises(KeyUnavailable):
        await replica.sign()
    assert replica.keyring.jwks()


async def test_a_wall_clock_within_the_bound_signs(replica: Replica, clock: FakeClock) -> None:
    await replica.start()
    clock.wall_error = -EPSILON

    assert await replica.sign()


async def test_a_database_that_does_not_answer_lets_the_view_age(replica: Replica, clock: FakeClock) -> None:
    await replica.start()
    replica.store.close()
    with pytest.raises(StoreUnavailable):
        await replica.keyring.refresh()
    assert await replica.sign()

    clock.advance(W_SIGN + 1)

    with pytest.raises(KeyUnavailable):
        await replica.sign()


async def test_a_lease_that_ends_while_a_signature_waits_is_over(replica: Replica, clock: FakeClock) -> None:
    await replica.start()
    keyring = Keyring(
        store=replica.store, clock=replica.clock, custodians=replica.custodians, policy=replica.policy, spare_core=False
    )
    await keyring.refresh()
    signing = [asyncio.create_task(keyring.sign({}, "at+jwt", ED25519)) for _ in range(IN_LINE + 1)]
    await asyncio.sleep(0)
    clock.advance(W_SIGN + 1)

    *in_time, late = await asyncio.gather(*signing, return_exceptions=True)

    assert all(isinstance(token, str) for token in in_time)
    assert isinstance(late, KeyUnavailable)
    keyring.close()
