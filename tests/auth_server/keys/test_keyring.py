"""The keyring signs under a lease, publishes under a longer one, and does neither on an old view."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from auth_server.keys.custodians.contract import Signer
from auth_server.keys.custodians.local import LocalCustodian
from auth_server.keys.keyring import Keyring
from auth_server.keys.sealing import KeyEncryptionKeys
from auth_server.keys.turns import IN_LINE
from auth_server.protocol.errors import KeyUnavailable, StoreUnavailable
from auth_server.store.signing_keys import SigningKey
from shared.jose import ED25519, RS256
from shared.key_policy import KeyPolicy
from tests.support.clock import FakeClock
from tests.support.databases import Database
from tests.support.keys import ISSUER, KEK, OTHER_KEK, POLICY, Replica, claims_of, header_of, is_signed_by

W_SIGN = KeyPolicy().sign_lease
W_PUB = KeyPolicy().view_lease
EPSILON = KeyPolicy().clock_error


@pytest.fixture
def replica(database: Database) -> Iterator[Replica]:
    made = Replica(database)
    yield made
    made.keyring.close()


class WatchfulCustodian(LocalCustodian):
    """Counts the keys it opens, notes which thread signs, and may take its time."""

    def __init__(self, clock: FakeClock, load_seconds: float = 0) -> None:
        super().__init__(issuer=ISSUER, key_encryption_keys=KeyEncryptionKeys([KEK]))
        self.loaded: list[str] = []
        self.threads: list[str] = []
        self._clock = clock
        self._load_seconds = load_seconds

    def load(self, key: SigningKey) -> Signer:
        self.loaded.append(key.kid)
        self._clock.advance(self._load_seconds)
        return WatchfulSigner(super().load(key), self.threads)


class WatchfulSigner:
    is_local = True

    def __init__(self, signer: Signer, threads: list[str]) -> None:
        self._signer = signer
        self._threads = threads

    def sign(self, signing_input: bytes) -> bytes:
        self._threads.append(threading.current_thread().name)
        return self._signer.sign(signing_input)


def a_keyring(replica: Replica, custodian: LocalCustodian) -> Keyring:
    return Keyring(store=replica.store, clock=replica.clock, custodians={"local": custodian}, policy=replica.policy)


async def test_a_token_verifies_under_the_published_key(replica: Replica) -> None:
    await replica.start()

    token = await replica.sign(aud="https://api.example")

    header = header_of(token)
    assert header == {"alg": ED25519, "typ": "at+jwt", "kid": replica.active().kid}
    assert claims_of(token) == {"sub": "alice", "iat": replica.clock.now(), "aud": "https://api.example"}
    assert is_signed_by(token, replica.published()[header["kid"]])


async def test_the_default_ring_signs_rs256(database: Database) -> None:
    replica = await Replica(database, alg=RS256).start()

    token = await replica.keyring.sign({"sub": "alice"}, "at+jwt")

    assert header_of(token)["alg"] == "RS256"
    assert is_signed_by(token, replica.published()[header_of(token)["kid"]])
    replica.keyring.close()


async def test_each_typ_has_its_own_header(replica: Replica) -> None:
    await replica.start()

    tokens = [await replica.keyring.sign({}, typ, ED25519) for typ in ("at+jwt", "JWT", "at+jwt")]

    assert [header_of(token)["typ"] for token in tokens] == ["at+jwt", "JWT", "at+jwt"]


async def test_nothing_is_signed_or_published_before_the_ring_was_read(replica: Replica) -> None:
    await replica.rotation.initialise()

    with pytest.raises(KeyUnavailable):
        await replica.sign()
    with pytest.raises(KeyUnavailable):
        replica.keyring.jwks()
    assert replica.keyring.fault(ED25519) is not None


async def test_an_algorithm_without_a_ring_is_refused(replica: Replica) -> None:
    await replica.start()

    with pytest.raises(KeyUnavailable):
        await replica.keyring.sign({}, "at+jwt", RS256)


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


async def test_claims_may_be_built_from_the_time_of_signing(replica: Replica) -> None:
    await replica.start()

    token = await replica.keyring.sign_at(lambda now: {"iat": now, "exp": now + 600}, "at+jwt", ED25519)

    assert claims_of(token) == {"iat": replica.clock.now(), "exp": replica.clock.now() + 600}


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


async def test_a_wrong_key_encryption_key_publishes_the_same_bytes_and_signs_nothing(
    database: Database, replica: Replica
) -> None:
    await replica.start()
    wrong = await Replica(database, keks=(OTHER_KEK,)).start()

    assert wrong.keyring.jwks() == replica.keyring.jwks()
    with pytest.raises(KeyUnavailable):
        await wrong.sign()
    assert "key encryption key" in str(wrong.keyring.fault(ED25519))
    assert len(wrong.keyring.warnings()) == 2
    wrong.keyring.close()


async def test_a_broken_standby_is_told_before_it_is_needed(database: Database, replica: Replica) -> None:
    await replica.start()
    database.execute("UPDATE signing_key SET private_ref = x'00' WHERE state = 'pending'")
    keyring = a_keyring(replica, LocalCustodian(issuer=ISSUER, key_encryption_keys=KeyEncryptionKeys([KEK])))

    await keyring.refresh()

    assert keyring.fault(ED25519) is None
    assert [replica.pending().kid in warning for warning in keyring.warnings()] == [True]
    keyring.close()


async def test_a_custodian_that_is_not_there_is_a_fault_and_no_crash(replica: Replica) -> None:
    await replica.rotation.initialise()
    keyring = Keyring(store=replica.store, clock=replica.clock, custodians={}, policy=replica.policy)

    await keyring.refresh()

    assert "custodian" in str(keyring.fault(ED25519))
    assert keyring.jwks()
    keyring.close()


async def test_private_keys_are_opened_once(replica: Replica, clock: FakeClock) -> None:
    await replica.rotation.initialise()
    custodian = WatchfulCustodian(clock)
    keyring = a_keyring(replica, custodian)

    for _ in range(5):
        await keyring.refresh()

    assert sorted(custodian.loaded) == sorted([replica.active().kid, replica.pending().kid])
    keyring.close()


async def test_a_promoted_standby_needs_no_opening_and_the_old_key_is_forgotten(replica: Replica, clock: FakeClock) -> None:
    await replica.rotation.initialise()
    custodian = WatchfulCustodian(clock)
    keyring = a_keyring(replica, custodian)
    await keyring.refresh()
    old, new = replica.active().kid, replica.pending().kid

    await replica.rotation.rotate_now(emergency=True)
    await keyring.refresh()

    assert custodian.loaded.count(new) == 1
    assert header_of(await keyring.sign({}, "at+jwt", ED25519))["kid"] == new
    assert old not in keyring._signers
    keyring.close()


async def test_a_database_that_does_not_answer_lets_the_view_age(replica: Replica, clock: FakeClock) -> None:
    await replica.start()
    replica.store.close()
    with pytest.raises(StoreUnavailable):
        await replica.keyring.refresh()
    assert await replica.sign()

    clock.advance(W_SIGN + 1)

    with pytest.raises(KeyUnavailable):
        await replica.sign()


async def test_an_overdue_key_goes_on_signing_and_is_told_of(replica: Replica, clock: FakeClock) -> None:
    """The issuer was down for weeks: expiry is soft."""
    await replica.start()
    clock.advance(1.5 * POLICY.rotation_period)
    await replica.keyring.refresh()
    assert replica.keyring.warnings() == ()

    clock.advance(1)
    await replica.keyring.refresh()

    assert await replica.sign()
    assert "overdue" in replica.keyring.warnings()[0]


async def test_signatures_beyond_three_in_one_turn_go_to_the_signing_thread(replica: Replica, clock: FakeClock) -> None:
    await replica.rotation.initialise()
    custodian = WatchfulCustodian(clock)
    keyring = a_keyring(replica, custodian)
    await keyring.refresh()
    here = threading.current_thread().name

    tokens = await asyncio.gather(*(keyring.sign({"n": n}, "at+jwt", ED25519) for n in range(10)))

    assert [claims_of(token)["n"] for token in tokens] == list(range(10))
    assert custodian.threads.count(here) == IN_LINE
    assert sum(name.startswith("signer") for name in custodian.threads) == 10 - IN_LINE
    keyring.close()


async def test_a_lonely_signature_never_hops(replica: Replica, clock: FakeClock) -> None:
    await replica.rotation.initialise()
    custodian = WatchfulCustodian(clock)
    keyring = a_keyring(replica, custodian)
    await keyring.refresh()

    for n in range(2 * IN_LINE):
        await keyring.sign({"n": n}, "at+jwt", ED25519)
        await asyncio.sleep(0)

    assert set(custodian.threads) == {threading.current_thread().name}
    keyring.close()


async def test_without_a_spare_core_signatures_wait_for_a_turn_and_others_are_served_between(
    replica: Replica, clock: FakeClock
) -> None:
    await replica.rotation.initialise()
    custodian = WatchfulCustodian(clock)
    custodians = {"local": custodian}
    keyring = Keyring(store=replica.store, clock=replica.clock, custodians=custodians, policy=replica.policy, spare_core=False)
    await keyring.refresh()
    signing = [asyncio.create_task(keyring.sign({"n": n}, "at+jwt", ED25519)) for n in range(10)]

    most_in_a_turn, before = 0, 0
    while not all(task.done() for task in signing):
        await asyncio.sleep(0)
        most_in_a_turn, before = max(most_in_a_turn, len(custodian.threads) - before), len(custodian.threads)

    assert [claims_of(task.result())["n"] for task in signing] == list(range(10))
    assert set(custodian.threads) == {threading.current_thread().name}
    assert most_in_a_turn == IN_LINE
    keyring.close()


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


async def test_a_closed_keyring_signs_nothing(replica: Replica) -> None:
    await replica.start()
    replica.keyring.close()

    with pytest.raises(KeyUnavailable):
        await replica.sign()


async def test_no_text_form_of_a_keyring_shows_a_private_key(replica: Replica) -> None:
    await replica.start()
    shown: Any = f"{vars(replica.keyring)!r}"

    assert "PrivateKey" not in shown
    assert "private_ref" not in shown
