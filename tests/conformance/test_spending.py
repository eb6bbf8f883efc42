"""What stands for one approval or one proof is spent once, by whichever of several replicas is first: on both databases."""

from __future__ import annotations

import asyncio

from auth_server.store.client_registrations import InitialAccessToken
from auth_server.store.device_codes import Approver, NewDevice
from auth_server.store.transaction import Transaction
from tests.support.databases import Database

REPLICAS = 4
DEVICE, USER = b"d" * 32, b"u" * 32


def _begin(tx: Transaction) -> None:
    tx.device_codes.begin(NewDevice(DEVICE, USER, "tv", None, None, "192.0.2.7", None, 600_000, 5_000))


async def test_an_assertion_is_spent_once_by_32_uses_on_four_replicas(any_database: Database) -> None:
    replicas = [any_database.store() for _ in range(REPLICAS)]
    until = any_database.clock.now() + 60

    spent = await asyncio.gather(
        *(store.run(lambda tx: tx.assertions.spend(b"a" * 32, until)) for store in replicas for _ in range(8))
    )

    assert sum(spent) == 1


async def test_a_used_assertion_is_forgotten_only_when_nobody_would_believe_it(any_database: Database) -> None:
    store = any_database.store()
    now = any_database.clock.now()
    await store.run(lambda tx: tx.assertions.spend(b"a" * 32, now + 60))

    any_database.clock.advance(60)
    assert await store.run(lambda tx: tx.assertions.forget()) == 0
    any_database.clock.advance(1)
    assert await store.run(lambda tx: tx.assertions.forget()) == 1


async def test_a_device_is_decided_once_and_redeemed_once_on_four_replicas(any_database: Database) -> None:
    replicas = [any_database.store() for _ in range(REPLICAS)]
    any_database.execute(
        "INSERT INTO account (sub, username, username_key, email_verified, created_at) VALUES ('alice', 'a', 'a', false, 0)"
    )
    await replicas[0].run(_begin)
    approver = Approver("alice", "sid", any_database.clock.now(), "1", ("pwd",))

    decided = await asyncio.gather(
        *(
            store.run(lambda tx, n=n: tx.device_codes.decide(USER, approver if n % 2 else None, sub="alice"))  # type: ignore[misc]
            for n, store in enumerate(replicas * 4)
        )
    )
    assert sum(device is not None for device in decided) == 1

    redeemed = await asyncio.gather(*(store.run(lambda tx: tx.device_codes.spend(DEVICE, "tv")) for store in replicas * 4))
    approved = next(device for device in decided if device is not None).approved
    assert sum(redeemed) == (1 if approved else 0)


async def test_uses_of_a_registration_token_are_counted_by_every_replica(any_database: Database) -> None:
    replicas = [any_database.store() for _ in range(REPLICAS)]
    token = InitialAccessToken("t", "", 3, any_database.clock.now() + 60, b"t" * 32)
    await replicas[0].run(lambda tx: tx.client_registrations.add_initial_token(token))

    used = await asyncio.gather(
        *(store.run(lambda tx: tx.client_registrations.use_initial_token(b"t" * 32)) for store in replicas * 5)
    )

    assert used.count("t") == 3
