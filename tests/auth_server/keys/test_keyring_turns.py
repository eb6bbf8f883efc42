"""Where the keyring signs: in a turn of the event loop, in a later one, or on a thread."""

from __future__ import annotations

import asyncio
import threading

from auth_server.keys.keyring import Keyring
from auth_server.keys.turns import IN_LINE
from shared.jose import ED25519
from tests.support.clock import FakeClock
from tests.support.keys import Replica, claims_of
from tests.support.watchful_custodian import WatchfulCustodian, a_keyring


async def test_signatures_beyond_those_of_a_turn_go_to_the_signing_thread(replica: Replica, clock: FakeClock) -> None:
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
