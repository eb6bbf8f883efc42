"""Signatures that another machine or a device makes: off the event loop, in limited time, under the same lease."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from auth_server.keys.bounded_threads import BoundedThreads
from auth_server.keys.custodians.contract import Signer
from auth_server.keys.custodians.local import LocalCustodian
from auth_server.keys.keyring import Keyring
from auth_server.keys.sealing import KeyEncryptionKeys
from auth_server.protocol.errors import KeyUnavailable
from auth_server.store.signing_keys import SigningKey
from shared.jose import ED25519
from tests.support.clock import FakeClock
from tests.support.databases import Database
from tests.support.keys import ISSUER, KEK, POLICY, Replica, header_of, is_signed_by

W_SIGN = POLICY.timings.sign_lease
NEVER = 60.0


class Device(LocalCustodian):
    """A custodian whose keys are elsewhere: it signs when it is told to, in the thread that asks."""

    def __init__(self) -> None:
        super().__init__(issuer=ISSUER, key_encryption_keys=KeyEncryptionKeys([KEK]))
        self.signs = threading.Event()
        self.asked = threading.Semaphore(0)
        self.threads: list[str] = []
        self.is_away = False

    def load(self, key: SigningKey) -> Signer:
        return DeviceSigner(self, super().load(key))


class DeviceSigner:
    is_local = False

    def __init__(self, device: Device, signer: Signer) -> None:
        self._device = device
        self._signer = signer

    def sign(self, signing_input: bytes) -> bytes:
        self._device.threads.append(threading.current_thread().name)
        self._device.asked.release()
        self._device.signs.wait(NEVER)
        if self._device.is_away:
            raise KeyUnavailable("the device went away")
        return self._signer.sign(signing_input)


@pytest.fixture
def device() -> Iterator[Device]:
    made = Device()
    yield made
    made.signs.set()


async def a_keyring(replica: Replica, device: Device, *, seconds: float = NEVER) -> Keyring:
    await replica.start()
    threads = BoundedThreads("custodian", threads=2, waiting=8, seconds=seconds)
    keyring = Keyring(
        store=replica.store,
        clock=replica.clock,
        custodians={"local": device},
        policy=replica.policy,
        custodian_threads=threads,
    )
    await keyring.refresh()
    return keyring


async def asked(device: Device) -> None:
    await asyncio.to_thread(device.asked.acquire, timeout=NEVER)


async def test_a_device_signs_in_threads_and_the_loop_goes_on(replica: Replica, device: Device) -> None:
    keyring = await a_keyring(replica, device)
    signing = [asyncio.create_task(keyring.sign({"n": n}, "at+jwt", ED25519)) for n in range(6)]
    await asked(device)
    assert not any(task.done() for task in signing)
    assert keyring.jwks()

    device.signs.set()
    tokens = await asyncio.gather(*signing)

    assert all(is_signed_by(token, replica.published()[header_of(token)["kid"]]) for token in tokens)
    assert {name.partition("_")[0] for name in device.threads} == {"custodian"}
    keyring.close()


async def test_a_device_that_hangs_is_a_refusal_in_time(replica: Replica, device: Device) -> None:
    keyring = await a_keyring(replica, device, seconds=0.05)

    with pytest.raises(KeyUnavailable, match="did not answer"):
        await keyring.sign({}, "at+jwt", ED25519)

    assert keyring.jwks()
    keyring.close()


async def test_a_device_that_went_away_is_a_refusal(replica: Replica, device: Device) -> None:
    keyring = await a_keyring(replica, device)
    device.is_away = True
    device.signs.set()

    with pytest.raises(KeyUnavailable, match="went away"):
        await keyring.sign({}, "at+jwt", ED25519)
    keyring.close()


async def test_a_lease_that_ends_while_the_device_signs_is_over(replica: Replica, device: Device, clock: FakeClock) -> None:
    keyring = await a_keyring(replica, device)
    signing = asyncio.create_task(keyring.sign({}, "at+jwt", ED25519))
    await asked(device)

    clock.advance(W_SIGN + 1)
    device.signs.set()

    with pytest.raises(KeyUnavailable):
        await signing
    keyring.close()


async def test_a_lease_that_was_renewed_while_the_device_signed_holds(replica: Replica, device: Device, clock: FakeClock) -> None:
    keyring = await a_keyring(replica, device)
    signing = asyncio.create_task(keyring.sign({}, "at+jwt", ED25519))
    await asked(device)

    clock.advance(W_SIGN + 1)
    await keyring.refresh()
    device.signs.set()

    assert header_of(await signing)["kid"] == replica.active().kid
    keyring.close()


async def test_a_key_that_was_replaced_while_the_device_signed_may_still_finish_within_its_lease(
    replica: Replica, device: Device
) -> None:
    """A rotation costs no request: the old key is published for V more, and the lease on it was in force."""
    keyring = await a_keyring(replica, device)
    old = replica.active().kid
    signing = asyncio.create_task(keyring.sign({}, "at+jwt", ED25519))
    await asked(device)

    await replica.rotation.rotate_now(emergency=True)
    await keyring.refresh()
    device.signs.set()

    assert header_of(await signing)["kid"] == old
    keyring.close()


async def test_a_key_that_was_burnt_while_the_device_signed_gives_no_token(
    database: Database, replica: Replica, device: Device
) -> None:
    keyring = await a_keyring(replica, device)
    signing = asyncio.create_task(keyring.sign({}, "at+jwt", ED25519))
    await asked(device)

    await replica.rotation.rotate_now(emergency=True)
    database.execute("UPDATE signing_key SET state = 'compromised', private_ref = NULL, kek_id = NULL WHERE state = 'retiring'")
    await keyring.refresh()
    device.signs.set()

    with pytest.raises(KeyUnavailable, match="lease"):
        await signing
    keyring.close()
