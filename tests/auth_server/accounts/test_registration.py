"""Signing up, and accounts an operator makes."""

from __future__ import annotations

import asyncio

import pytest

from auth_server.protocol.errors import ApiError
from auth_server.store.accounts import Account
from auth_server.store.store import Store
from auth_server.web.request_facts import RequestFacts
from tests.support.people import PASSWORD, People, people

pytestmark = pytest.mark.anyio

FACTS = RequestFacts("192.0.2.1", "request-1")


async def sign_up(persons: People, username: str = "bob", email: str = "bob@example.com", password: str = PASSWORD) -> Account:
    return await persons.registration.register(username=username, email=email, password=password, facts=FACTS)


async def refusal_of(persons: People, **arguments: str) -> ApiError:
    with pytest.raises(ApiError) as refusal:
        await sign_up(persons, **arguments)
    return refusal.value


async def test_who_signed_up_can_sign_in(persons: People) -> None:
    account = await sign_up(persons, username="Bob")

    assert (account.username, account.email, account.email_verified) == ("Bob", "bob@example.com", False)
    assert (await persons.sign_in("bob")).account == account


async def test_a_sub_says_nothing_and_is_not_reused(persons: People) -> None:
    """128 random bits: neither a counter nor a name, and nobody after them gets the same."""
    subs = {(await sign_up(persons, username=f"bob{number}")).sub for number in range(5)}

    assert len(subs) == 5
    assert all(len(sub) == 22 for sub in subs)


@pytest.mark.parametrize("username", ["alice", "ALICE", "ａｌｉｃｅ"])
async def test_a_taken_name_is_refused_however_it_is_written(persons: People, username: str) -> None:
    await persons.alice()

    refusal = await refusal_of(persons, username=username)

    assert (refusal.status, refusal.error) == (409, "username_taken")


async def test_of_parallel_sign_ups_for_one_name_one_succeeds(persons: People) -> None:
    results = await asyncio.gather(*(sign_up(persons) for _ in range(20)), return_exceptions=True)

    assert sum(isinstance(result, Account) for result in results) == 1
    assert {result.error for result in results if isinstance(result, ApiError)} == {"username_taken"}


@pytest.mark.parametrize("username, email, error", [("a@b", "a@b.example", "invalid_username"), ("bob", "bob", "invalid_email")])
async def test_unacceptable_names_and_addresses_are_refused_with_reasons(
    persons: People, username: str, email: str, error: str
) -> None:
    refusal = await refusal_of(persons, username=username, email=email)

    assert (refusal.status, refusal.error) == (422, error)
    assert refusal.reasons


@pytest.mark.parametrize("password", ["short", "passwordpassword", "bob.the.builder himself", "sealwright rabbit 42"])
async def test_a_weak_password_is_refused_with_reasons(persons: People, password: str) -> None:
    refusal = await refusal_of(persons, username="bob.the.builder", password=password)

    assert (refusal.status, refusal.error) == (422, "weak_password")
    assert refusal.reasons
    assert persons.store.read_blocking(lambda tx: tx.accounts.after("", 10)) == []


@pytest.mark.parametrize("mode", ["invite", "closed"])
async def test_where_signing_up_is_not_open_nobody_does(store: Store, mode: str) -> None:
    persons = people(store, mode=mode)

    refusal = await refusal_of(persons)

    assert (refusal.status, refusal.error) == (403, "registration_closed")
    assert persons.pool.works == 0


def test_an_unknown_mode_is_an_error(store: Store) -> None:
    with pytest.raises(ValueError, match="ajar"):
        people(store, mode="ajar")


async def test_a_taken_address_makes_no_difference_that_the_caller_sees(persons: People) -> None:
    """The answer, the work and the number of records are those of a free address; only the names of the records differ."""
    owner = await persons.alice(email_verified=True)
    persons.pool.works = 0
    before = len(persons.events())
    free = await sign_up(persons, username="bob", email="bob@example.com")
    of_free, works_of_free = persons.events()[before:], persons.pool.works
    persons.pool.works = 0
    taken = await sign_up(persons, username="eve", email="Alice@Example.com")
    of_taken = persons.events()[before + len(of_free) :]

    assert (free.email_verified, taken.email_verified) == (False, False)
    assert persons.pool.works == works_of_free
    assert [(event["name"], event["sub"]) for event in of_free] == [
        ("account.registered", free.sub),
        ("email.verification_wanted", free.sub),
    ]
    assert [(event["name"], event["sub"]) for event in of_taken] == [
        ("account.registered", taken.sub),
        ("email.already_registered", owner.sub),
    ]


async def test_a_claimed_address_signs_nobody_in_but_its_owner(persons: People) -> None:
    owner = await persons.alice(email_verified=True)
    await sign_up(persons, username="eve", email="alice@example.com", password="a password that eve knows 7")

    assert (await persons.refusal("alice@example.com", "a password that eve knows 7")).status == 401
    assert (await persons.sign_in("alice@example.com")).account == owner


async def test_an_operator_makes_an_account_with_roles_while_signing_up_is_closed(store: Store) -> None:
    persons = people(store, mode="closed")
    await persons.roles.create("editor", ["notes:write"])

    created = await persons.registration.create_by_operator(
        username="alice", email="alice@example.com", email_verified=True, password=PASSWORD, roles=("editor",)
    )

    assert created.is_new
    assert created.account.email_verified
    assert (await persons.sign_in("alice@example.com")).roles == {"editor"}


async def test_an_account_that_is_there_is_left_as_it_is(persons: People) -> None:
    account = await persons.alice()

    again = await persons.registration.create_by_operator(
        username="ALICE", email="other@example.com", password="another one entirely 9"
    )

    assert (again.account, again.is_new) == (account, False)
    assert (await persons.sign_in()).account == account


async def test_an_address_is_verified_for_one_account_alone(persons: People) -> None:
    await persons.alice(email_verified=True)

    with pytest.raises(ApiError) as refusal:
        await persons.registration.create_by_operator(username="eve", email="ALICE@example.com", email_verified=True)

    assert (refusal.value.status, refusal.value.error) == (409, "email_taken")


async def test_an_unknown_role_makes_no_account(persons: People) -> None:
    with pytest.raises(ApiError) as refusal:
        await persons.registration.create_by_operator(username="alice", password=PASSWORD, roles=("no-such-role",))

    assert (refusal.value.status, refusal.value.error) == (422, "unknown_role")
    assert await persons.administration.find("alice") is None


async def test_an_operator_is_held_to_the_rules_for_passwords_unless_he_insists(persons: People) -> None:
    with pytest.raises(ApiError) as refusal:
        await persons.registration.create_by_operator(username="alice", password="password")
    created = await persons.registration.create_by_operator(username="alice", password="password", may_be_weak=True)

    assert refusal.value.error == "weak_password"
    assert (await persons.sign_in(password="password")).account == created.account
