"""What is done to an account after it was made, and what ends with it."""

from __future__ import annotations

import pytest

from auth_server.accounts.administration import UnknownAccount
from auth_server.protocol.errors import ApiError
from tests.support.people import PASSWORD, WRONG, People

pytestmark = pytest.mark.anyio


async def test_disabling_ends_sessions_and_tokens_in_one_act(persons: People) -> None:
    account = await persons.alice()
    sids = {(await persons.sign_in()).session.sid for _ in range(3)}

    assert await persons.administration.disable(account.sub, "left the company")

    sessions = [persons.store.read_blocking(lambda tx, sid=sid: tx.sessions.find(sid)) for sid in sids]
    assert {session.end_reason for session in sessions if session} == {"account_disabled"}
    assert persons.feed() == [("sub_nbf", account.sub)]
    assert persons.events()[-1]["name"] == "account.disabled"
    assert persons.events()[-1]["detail"] == {"reason": "left the company", "sessions_ended": 3}


async def test_disabling_twice_changes_nothing_the_second_time(persons: People) -> None:
    account = await persons.alice()
    await persons.administration.disable(account.sub, "first")
    before = persons.events()

    assert not await persons.administration.disable(account.sub, "second")
    assert persons.events() == before
    assert (await persons.administration.find("alice") or account).disabled_reason == "first"


async def test_enabling_brings_back_the_account_and_not_its_sessions(persons: People) -> None:
    account = await persons.alice()
    sid = (await persons.sign_in()).session.sid
    await persons.administration.disable(account.sub, "by mistake")

    assert await persons.administration.enable(account.sub)
    assert not await persons.administration.enable(account.sub)
    assert persons.store.read_blocking(lambda tx: tx.sessions.find_live(sid)) is None
    assert await persons.administration.find("alice") == account


async def test_a_new_password_replaces_the_old_one_and_ends_what_it_opened(persons: People) -> None:
    account = await persons.alice()
    await persons.sign_in()

    await persons.administration.set_password(account.sub, "a garden of live flowers 9")

    assert persons.store.read_blocking(lambda tx: tx.sessions.live_of(account.sub, 10)) == []
    assert persons.feed() == [("sub_nbf", account.sub)]
    assert (await persons.refusal("alice", PASSWORD)).status == 401
    assert (await persons.sign_in(password="a garden of live flowers 9")).account == account


async def test_the_session_in_which_the_owner_changes_the_password_stays(persons: People) -> None:
    account = await persons.alice()
    kept, other = (await persons.sign_in()).session, (await persons.sign_in()).session

    await persons.administration.set_password(account.sub, "a garden of live flowers 9", actor=None, keep_sid=kept.sid)

    live = persons.store.read_blocking(lambda tx: tx.sessions.live_of(account.sub, 10))
    assert [session.sid for session in live] == [kept.sid]
    assert other.sid not in str(live)
    assert persons.events()[-1]["detail"] == {"sessions_ended": 1}


async def test_a_new_password_obeys_the_rules(persons: People) -> None:
    account = await persons.alice()

    with pytest.raises(ApiError) as refusal:
        await persons.administration.set_password(account.sub, "alice and the rabbit")

    assert refusal.value.error == "weak_password"
    assert (await persons.sign_in()).account == account


async def test_an_account_without_a_password_can_be_given_one(persons: People) -> None:
    account = await persons.alice(password=None)

    await persons.administration.set_password(account.sub, PASSWORD)

    assert (await persons.sign_in()).account == account


@pytest.mark.parametrize("act", ["unlock", "set_password"])
async def test_a_slowed_down_owner_is_let_in_again(persons: People, act: str) -> None:
    account = await persons.alice()
    for _ in range(9):
        await persons.refusal()
    if act == "unlock":
        assert await persons.administration.unlock(account.sub)
        assert persons.names_of_events()[-1] == "account.unlocked"
        assert not await persons.administration.unlock(account.sub)
    else:
        await persons.administration.set_password(account.sub, PASSWORD)

    assert (await persons.sign_in()).account == account


async def test_an_account_is_found_by_any_of_its_names(persons: People) -> None:
    account = await persons.alice(email_verified=True)
    find = persons.administration.find

    assert [await find(name) for name in ("Alice", "alice@EXAMPLE.com", account.sub)] == [account] * 3
    assert [await find(name) for name in ("bob", "", "a\0b", "\ud800")] == [None] * 4


async def test_pages_walk_through_all_accounts_in_order(persons: People) -> None:
    for name in ("dora", "Bob", "carol", "alice"):
        await persons.registration.create_by_operator(username=name)

    first = await persons.administration.page(limit=3)
    rest = await persons.administration.page(first[-1], limit=3)

    assert [account.username for account in first + rest] == ["alice", "Bob", "carol", "dora"]


@pytest.mark.parametrize("act", ["disable", "enable", "set_password", "unlock"])
async def test_nobody_can_be_looked_after_who_is_not_there(persons: People, act: str) -> None:
    administration = persons.administration
    acts = {
        "disable": lambda: administration.disable("nobody", ""),
        "enable": lambda: administration.enable("nobody"),
        "set_password": lambda: administration.set_password("nobody", WRONG),
        "unlock": lambda: administration.unlock("nobody"),
    }

    with pytest.raises(UnknownAccount):
        await acts[act]()
