"""Signing in: who gets in, and that every refusal is alike."""

from __future__ import annotations

import pytest

from auth_server.accounts.passwords import Argon2Cost
from auth_server.protocol.errors import ApiError, KeyUnavailable
from auth_server.rate_limits.guesses import GuessLimits
from auth_server.sessions.rules import ACR_PASSWORD
from auth_server.store.store import Store
from tests.support.clock import FakeClock
from tests.support.people import PASSWORD, WRONG, People, people

pytestmark = pytest.mark.anyio


async def test_a_name_and_its_password_start_a_session(persons: People, clock: FakeClock) -> None:
    account = await persons.alice()

    signed_in = await persons.sign_in("Alice")

    session = signed_in.session
    assert signed_in.account == account
    assert (session.sub, session.auth_time, session.acr, session.amr) == (account.sub, clock.now(), ACR_PASSWORD, ("pwd",))
    assert persons.store.read_blocking(lambda tx: tx.sessions.find_live(session.sid)) == session
    assert persons.names_of_events()[-2:] == ["session.started", "login.succeeded"]


async def test_the_roles_of_who_signed_in_are_told(persons: People) -> None:
    account = await persons.alice()
    await persons.roles.create("editor", ["notes:write"])
    await persons.roles.grant(account.sub, "editor")

    assert (await persons.sign_in()).roles == {"editor"}


async def test_a_verified_address_is_as_good_as_the_name(persons: People) -> None:
    account = await persons.alice(email_verified=True)

    assert (await persons.sign_in("ALICE@example.com")).account == account


@pytest.mark.parametrize(
    "name, password",
    [
        ("alice", WRONG),
        ("nobody", PASSWORD),
        ("alice@example.com", PASSWORD),  # not verified
        ("disabled", PASSWORD),
        ("without-password", PASSWORD),
        ("", PASSWORD),
        ("alice\0", PASSWORD),
        ("\ud800", PASSWORD),
        ("a" * 100_000, PASSWORD),
        ("alice", ""),
        ("alice", "\ud800"),
        ("alice", PASSWORD + "x" * 2_000),
    ],
)
async def test_every_refusal_is_alike_and_takes_the_same_steps(persons: People, name: str, password: str) -> None:
    """No name, address, state or oddity of an account can be told from the answer or from what it cost."""
    await persons.alice()
    disabled = await persons.registration.create_by_operator(username="disabled", password=PASSWORD)
    await persons.administration.disable(disabled.account.sub, "left")
    await persons.registration.create_by_operator(username="without-password")
    persons.pool.works = 0
    before = len(persons.events())

    refusal = await persons.refusal(name, password)

    assert (refusal.status, refusal.error, refusal.retry_after) == (401, "invalid_credentials", None)
    assert str(refusal) == "The name or the password is wrong."
    assert persons.pool.works == 1
    assert persons.names_of_events()[before:] == ["login.failed"]


async def test_the_log_tells_an_operator_the_cause_and_never_the_name(persons: People) -> None:
    account = await persons.alice()
    await persons.refusal("alice", WRONG)
    await persons.refusal("my password typed as a name", WRONG)
    await persons.administration.disable(account.sub, "left")
    await persons.refusal("alice", PASSWORD)

    failed = [(event["outcome"], event.get("sub")) for event in persons.events() if event["name"] == "login.failed"]

    assert failed == [("wrong_password", account.sub), ("unknown_name", None), ("account_disabled", account.sub)]
    assert "typed as a name" not in str(persons.events())


async def test_an_enabled_account_signs_in_again(persons: People) -> None:
    account = await persons.alice()
    await persons.administration.disable(account.sub, "by mistake")
    await persons.administration.enable(account.sub)

    assert (await persons.sign_in()).account.sub == account.sub


async def test_an_account_disabled_while_its_password_is_hashed_gets_no_session(persons: People) -> None:
    account = await persons.alice()
    persons.pool.meanwhile = lambda: persons.store.run_blocking(lambda tx: tx.accounts.disable(account.sub, "just now"))

    refusal = await persons.refusal("alice", PASSWORD)

    assert refusal.status == 401
    assert persons.store.read_blocking(lambda tx: tx.sessions.live_of(account.sub, 10)) == []


async def test_a_password_changed_while_the_old_one_is_hashed_gets_no_session(persons: People) -> None:
    account = await persons.alice()
    persons.pool.meanwhile = lambda: persons.store.run_blocking(lambda tx: tx.credentials.set_digest(account.sub, "another"))

    assert (await persons.refusal("alice", PASSWORD)).status == 401
    assert persons.store.read_blocking(lambda tx: tx.sessions.live_of(account.sub, 10)) == []


async def test_a_digest_of_older_parameters_is_renewed_by_signing_in(store: Store) -> None:
    account = await people(store, cost=Argon2Cost(memory_kib=8, passes=2, lanes=1)).alice()
    today = people(store)

    await today.sign_in()

    digest = store.read_blocking(lambda tx: tx.credentials.digest(account.sub))
    assert digest is not None
    assert digest.startswith("$argon2id$v=19$m=8,t=1,p=1$")
    assert (await today.sign_in()).account.sub == account.sub
    assert today.names_of_events().count("password.rehashed") == 1


async def test_a_wrong_password_renews_nothing(store: Store) -> None:
    account = await people(store, cost=Argon2Cost(memory_kib=8, passes=2, lanes=1)).alice()
    before = store.read_blocking(lambda tx: tx.credentials.digest(account.sub))

    await people(store).refusal()

    assert store.read_blocking(lambda tx: tx.credentials.digest(account.sub)) == before


async def test_a_password_changed_meanwhile_is_not_put_back_by_the_renewal(store: Store) -> None:
    account = await people(store, cost=Argon2Cost(memory_kib=8, passes=2, lanes=1)).alice()
    today = people(store)

    def change() -> None:
        if today.pool.works == 2:  # the comparison was the first, this is the renewal
            store.run_blocking(lambda tx: tx.credentials.set_digest(account.sub, "another"))

    today.pool.meanwhile = change
    await today.sign_in()

    assert store.read_blocking(lambda tx: tx.credentials.digest(account.sub)) == "another"


async def test_when_the_hashing_is_busy_the_guess_does_not_count(persons: People) -> None:
    await persons.alice()
    persons.pool.busy = True
    refusals = [await persons.refusal("alice", PASSWORD) for _ in range(20)]
    persons.pool.busy = False

    assert {(refusal.status, refusal.error) for refusal in refusals} == {(503, "overloaded")}
    assert (await persons.sign_in()).account.username == "alice"


async def test_when_the_renewal_finds_the_hashing_busy_the_sign_in_still_succeeds(store: Store) -> None:
    await people(store, cost=Argon2Cost(memory_kib=8, passes=2, lanes=1)).alice()
    today = people(store)

    def make_busy() -> None:
        today.pool.busy = True

    today.pool.meanwhile = make_busy

    assert (await today.sign_in()).account.username == "alice"


async def test_a_success_starts_the_count_from_nothing(persons: People) -> None:
    await persons.alice()
    for _ in range(4):
        await persons.refusal()
    await persons.sign_in()

    assert [(await persons.refusal()).status for _ in range(6)] == [401] * 5 + [429]


async def test_name_and_address_share_one_count(persons: People) -> None:
    await persons.alice(email_verified=True)
    names = ["alice", "ALICE@example.com", "Alice", "alice@example.com", " alice "]

    assert [(await persons.refusal(name)).status for name in names] == [401] * 5
    assert [(await persons.refusal(name)).status for name in names] == [429] * 5


async def test_without_the_servers_secret_nobody_signs_in(persons: People) -> None:
    await persons.alice()
    persons.login._limits = GuessLimits()
    persons.pool.works = 0

    with pytest.raises(KeyUnavailable):
        await persons.sign_in()
    assert persons.pool.works == 0


async def test_a_slowed_down_sign_in_says_for_how_long(persons: People) -> None:
    await persons.alice()
    for _ in range(5):
        await persons.refusal()

    with pytest.raises(ApiError) as slowed:
        await persons.sign_in()

    assert (slowed.value.status, slowed.value.error, slowed.value.retry_after) == (429, "slow_down", 1)
