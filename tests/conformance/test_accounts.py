"""Accounts and password digests, on both databases."""

from __future__ import annotations

import asyncio
import dataclasses

import pytest

from auth_server.store.accounts import Account, NewAccount, SignInFacts
from auth_server.store.sessions import NewSession
from auth_server.store.store import Store
from auth_server.store.transaction import Transaction
from tests.support.clock import FakeClock
from tests.support.people import PASSWORD, WRONG, people

pytestmark = pytest.mark.anyio


def new_account(
    name: str = "alice", *, email: str | None = "alice@example.com", verified: bool = False, sub: str = ""
) -> NewAccount:
    return NewAccount(sub or f"sub-{name}", name.title(), name, email, email, verified)


def create(new: NewAccount, digest: str | None = None):
    def work(tx: Transaction) -> Account | None:
        account = tx.accounts.create(new)
        if account is not None and digest is not None:
            tx.credentials.set_digest(new.sub, digest)
        return account

    return work


async def test_an_account_is_found_by_what_identifies_it(any_store: Store, clock: FakeClock) -> None:
    account = await any_store.run(create(new_account(verified=True)))

    assert account == Account("sub-alice", "Alice", "alice@example.com", True, clock.ms)
    found = await any_store.read(
        lambda tx: [
            tx.accounts.find("sub-alice"),
            tx.accounts.find_by_username("alice"),
            tx.accounts.find_by_verified_email("alice@example.com"),
            tx.accounts.lock("sub-alice"),
        ]
    )
    assert found == [account] * 4
    assert await any_store.read(lambda tx: tx.accounts.find("alice")) is None


async def test_an_unverified_address_identifies_nobody(any_store: Store) -> None:
    await any_store.run(create(new_account()))

    assert await any_store.read(lambda tx: tx.accounts.find_by_verified_email("alice@example.com")) is None
    assert await any_store.read(lambda tx: tx.accounts.find_for_sign_in("alice@example.com")) is None


async def test_a_verified_address_belongs_to_one_account_and_a_claimed_one_to_any_number(any_store: Store) -> None:
    owner = await any_store.run(create(new_account("alice", email="a@example.com", verified=True)))
    claims = [await any_store.run(create(new_account(name, email="a@example.com"))) for name in ("bob", "carol")]
    second = await any_store.run(create(new_account("eve", email="a@example.com", verified=True)))

    assert all(claims)
    assert second is None
    assert await any_store.read(lambda tx: tx.accounts.find_by_verified_email("a@example.com")) == owner


async def test_accounts_without_an_address_do_not_meet(any_store: Store) -> None:
    created = [await any_store.run(create(new_account(name, email=None))) for name in ("bob", "carol")]

    assert all(created)


async def test_of_parallel_claims_to_one_name_one_succeeds(any_store: Store) -> None:
    created = await asyncio.gather(*(any_store.run(create(new_account(sub=f"sub-{number}"))) for number in range(20)))

    assert sum(account is not None for account in created) == 1


@pytest.mark.parametrize("name", ["alice", "alice@example.com"])
@pytest.mark.parametrize("digest", [None, "digest"])
async def test_who_signs_in_is_found_with_the_digest_in_one_look(any_store: Store, name: str, digest: str | None) -> None:
    account = await any_store.run(create(new_account(verified=True), digest))
    await any_store.run(create(new_account("bob", email="bob@example.com", verified=True), "another"))

    assert account is not None
    assert await any_store.read(lambda tx: tx.accounts.find_for_sign_in(name)) == SignInFacts(account, digest)


@pytest.mark.parametrize("name", ["", "nobody", "nobody@example.com", "' OR 1=1 --"])
async def test_who_is_not_there_is_not_found(any_store: Store, name: str) -> None:
    await any_store.run(create(new_account(verified=True)))

    assert await any_store.read(lambda tx: tx.accounts.find_for_sign_in(name)) is None


async def test_an_account_is_disabled_and_enabled_once(any_store: Store, clock: FakeClock) -> None:
    account = await any_store.run(create(new_account()))
    clock.advance(5)
    disabled = [await any_store.run(lambda tx: tx.accounts.disable("sub-alice", "left")) for _ in range(2)]
    while_disabled = await any_store.read(lambda tx: tx.accounts.find("sub-alice"))
    enabled = [await any_store.run(lambda tx: tx.accounts.enable("sub-alice")) for _ in range(2)]

    assert account is not None
    assert (disabled, enabled) == ([True, False], [True, False])
    assert while_disabled == dataclasses.replace(account, disabled_at=clock.ms, disabled_reason="left")
    assert while_disabled.is_disabled
    assert await any_store.read(lambda tx: tx.accounts.find("sub-alice")) == account


async def test_pages_follow_the_order_of_names(any_store: Store) -> None:
    for name in ("carol", "alice", "bob"):
        await any_store.run(create(new_account(name, email=None)))

    pages = [await any_store.read(lambda tx, after=after: tx.accounts.after(after, 2)) for after in ("", "bob", "carol")]

    assert [[account.username for account in page] for page in pages] == [["Alice", "Bob"], ["Carol"], []]


async def test_a_digest_is_replaced_only_while_it_is_the_old_one(any_store: Store) -> None:
    await any_store.run(create(new_account(), "first"))

    assert await any_store.run(lambda tx: tx.credentials.rehash("sub-alice", old="first", new="second"))
    assert not await any_store.run(lambda tx: tx.credentials.rehash("sub-alice", old="first", new="third"))
    assert await any_store.read(lambda tx: tx.credentials.digest("sub-alice")) == "second"


async def test_a_password_can_be_set_again_and_again(any_store: Store) -> None:
    await any_store.run(create(new_account()))
    assert await any_store.read(lambda tx: tx.credentials.digest("sub-alice")) is None
    for digest in ("first", "second"):
        await any_store.run(lambda tx, digest=digest: tx.credentials.set_digest("sub-alice", digest))

        assert await any_store.read(lambda tx: tx.credentials.digest("sub-alice")) == digest


async def test_whoever_holds_an_account_keeps_others_from_changing_it(any_database) -> None:
    """A sign-in on one replica and the disabling on another: in whatever order, no session of a disabled account is left."""
    stores = [any_database.store() for _ in range(2)]
    for number in range(20):
        name = f"person{number}"
        await stores[0].run(create(new_account(name, email=None)))
        await asyncio.gather(stores[0].run(sign_in_work(f"sub-{name}")), stores[1].run(disable_work(f"sub-{name}")))

        live = await stores[0].read(lambda tx, name=name: tx.sessions.live_of(f"sub-{name}", 10))
        assert live == []


def sign_in_work(sub: str):
    def work(tx: Transaction) -> None:
        account = tx.accounts.lock(sub)
        if account is not None and not account.is_disabled:
            tx.sessions.start(NewSession(f"sid-{sub}", sub, "acr", ("pwd",), 1_000, 2_000))

    return work


def disable_work(sub: str):
    def work(tx: Transaction) -> None:
        tx.accounts.disable(sub, "left")
        tx.sessions.end_all(sub, "account_disabled")

    return work


async def test_replicas_that_sign_people_in_do_not_wait_for_each_other(any_database) -> None:
    """Counters and accounts are locked in one order everywhere, so no two groups of units hold what the other wants."""
    replicas = [people(any_database.store()) for _ in range(2)]
    names = [f"person{number}" for number in range(9)]
    for name in names:
        await replicas[0].registration.create_by_operator(username=name, password=PASSWORD)

    tries = [replica.sign_in(name, word) for name in names for replica in replicas for word in (PASSWORD, WRONG)]
    outcomes = await asyncio.gather(*tries, return_exceptions=True)

    refused = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    assert len(refused) == len(outcomes) / 2
    assert {getattr(error, "error", repr(error)) for error in refused} == {"invalid_credentials"}
