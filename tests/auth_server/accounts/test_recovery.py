"""Letters, and what their links do: reset, verification, changes of address, taking an account back."""

from __future__ import annotations

import json

import pytest

from auth_server.accounts.letters import Kind, Writer
from auth_server.accounts.tickets import Purpose, TicketRef
from auth_server.accounts.verification import Confirmed
from auth_server.protocol.errors import ApiError
from auth_server.store.email_changes import EmailChange
from auth_server.store.outbox import Letter
from auth_server.store.store import Store
from tests.support.builders import FACTS
from tests.support.people import PASSWORD, People, people

pytestmark = pytest.mark.anyio

NEW = "umbrella gravel otter lantern 99"


async def outbox(persons: People) -> list[Letter]:
    """Take what lies in the outbox, decoys left out."""
    letters = await persons.store.run(lambda tx: tx.outbox.claim(most=50, lease_ms=1))
    for letter in letters:
        await persons.store.run(lambda tx, letter=letter: tx.outbox.done(letter.id))
    return [letter for letter in letters if letter.recipient is not None]


def token_of(persons: People, letter: Letter) -> str:
    return persons.tickets.token(TicketRef(str(letter.facts["ticket"]), Purpose(str(letter.facts["purpose"]))))


async def test_a_reset_sets_the_password_ends_sessions_and_tells_of_it(store: Store) -> None:
    persons = people(store)
    account = await persons.alice(email_verified=True)
    session = (await persons.sign_in()).session
    await persons.recovery.ask("alice", FACTS)
    (letter,) = await outbox(persons)

    ticket = await persons.recovery.reset(token_of(persons, letter), NEW, FACTS)

    assert ticket is not None
    assert (await persons.sign_in(password=NEW)).account.sub == account.sub
    assert await persons.sessions.use(session.sid) is None
    assert [(one.kind, one.recipient) for one in await outbox(persons)] == [(Kind.PASSWORD_CHANGED, "alice@example.com")]
    assert ("sub_nbf", account.sub) in persons.feed()


async def test_a_weak_password_leaves_the_link_whole(store: Store) -> None:
    persons = people(store)
    await persons.alice(email_verified=True)
    await persons.recovery.ask("alice@example.com", FACTS)
    token = token_of(persons, (await outbox(persons))[0])

    with pytest.raises(ApiError):
        await persons.recovery.reset(token, "short", FACTS)

    assert await persons.recovery.reset(token, NEW, FACTS) is not None


async def test_a_newer_link_replaces_the_older_one(store: Store, clock) -> None:
    persons = people(store)
    await persons.alice(email_verified=True)
    tokens = []
    for _ in range(2):
        await persons.recovery.ask("alice", FACTS)
        tokens.append(token_of(persons, (await outbox(persons))[0]))
        clock.advance(61)

    assert await persons.recovery.reset(tokens[0], NEW, FACTS) is None
    assert await persons.recovery.reset(tokens[1], NEW, FACTS) is not None


@pytest.mark.parametrize("verified", [False, None])
async def test_nobody_is_written_to_without_a_verified_address(store: Store, verified: bool | None) -> None:
    persons = people(store)
    if verified is not None:
        await persons.alice(email_verified=verified)

    await persons.recovery.ask("alice", FACTS)
    await persons.recovery.ask("alice@example.com", FACTS)

    assert await outbox(persons) == []


async def test_a_disabled_account_is_not_recovered(store: Store) -> None:
    persons = people(store)
    account = await persons.alice(email_verified=True)
    await persons.recovery.ask("alice", FACTS)
    token = token_of(persons, (await outbox(persons))[0])

    await persons.administration.disable(account.sub, "left")

    assert await persons.recovery.reset(token, NEW, FACTS) is None


async def test_signing_up_with_anothers_address_tells_its_owner_and_nobody_else(store: Store) -> None:
    persons = people(store)
    await persons.alice(email_verified=True)

    made = await persons.registration.register(
        username="mallory", email="alice@example.com", password=NEW, facts=FACTS, language="de"
    )

    (letter,) = await outbox(persons)
    assert (letter.kind, letter.recipient, letter.facts["username"]) == (Kind.TAKEN, "alice@example.com", "alice")
    assert "ticket" not in letter.facts
    assert not made.email_verified


async def test_an_address_is_verified_by_its_letter_unless_another_account_was_quicker(store: Store) -> None:
    persons = people(store)
    tokens = {}
    for name in ("one", "two"):
        await persons.registration.register(username=name, email="same@example.com", password=NEW, facts=FACTS)
        (letter,) = await outbox(persons)
        tokens[name] = token_of(persons, letter)

    outcomes = [await persons.verification.confirm(tokens[name], Purpose.VERIFY_EMAIL, FACTS) for name in ("two", "one", "two")]

    assert outcomes == [Confirmed.DONE, Confirmed.TAKEN, Confirmed.INVALID]
    found = await persons.administration.find("same@example.com")
    assert found is not None
    assert found.username == "two"


async def test_a_change_of_address_waits_for_both_mailboxes_in_any_order(store: Store, clock) -> None:
    persons = people(store)
    account = await persons.alice(email_verified=True)
    for purposes in ((Kind.EMAIL_NEW, Kind.EMAIL_OLD), (Kind.EMAIL_OLD, Kind.EMAIL_NEW)):
        old = (await persons.administration.find("alice")).email
        await persons.verification.change(account.sub, f"{purposes[0]}@example.org", FACTS)
        letters = {letter.kind: letter for letter in await outbox(persons)}
        assert {letters[Kind.EMAIL_NEW].recipient, letters[Kind.EMAIL_OLD].recipient} == {f"{purposes[0]}@example.org", old}

        half = await persons.verification.confirm(token_of(persons, letters[purposes[0]]), Purpose(purposes[0].value), FACTS)
        assert (half, (await persons.administration.find("alice")).email) == (Confirmed.HALF, old)
        done = await persons.verification.confirm(token_of(persons, letters[purposes[1]]), Purpose(purposes[1].value), FACTS)

        assert (done, (await persons.administration.find("alice")).email) == (Confirmed.DONE, f"{purposes[0]}@example.org")
        assert {letter.recipient for letter in await outbox(persons)} == {old, f"{purposes[0]}@example.org"}
        clock.advance(61)


async def test_who_was_robbed_of_the_address_gets_it_back(store: Store) -> None:
    persons = people(store)
    account = await persons.alice(email_verified=True)
    session = (await persons.sign_in()).session
    await store.run(lambda tx: tx.email_changes.begin(account.sub, _agreed(), 60_000))
    letters = persons.verification._letters
    await store.run(lambda tx: letters.notify(tx, Kind.EMAIL_CHANGED, account, address="alice@example.com"))
    (notice,) = await outbox(persons)
    await store.run(lambda tx: tx.accounts.set_verified_email(account.sub, "thief@example.org", "thief@example.org"))

    token = await persons.recovery.secure(token_of(persons, notice), FACTS)

    assert (await persons.administration.find("alice")).email == "alice@example.com"
    assert await persons.sessions.use(session.sid) is None
    assert await persons.recovery.reset(token, NEW, FACTS) is not None
    assert await persons.recovery.secure(token_of(persons, notice), FACTS) is None


def _agreed():
    return EmailChange("x@example.org", "x@example.org", old_confirmed=False, new_confirmed=True)


@pytest.mark.parametrize("language", ["en", "de", "he"])
@pytest.mark.parametrize("kind", list(Kind))
async def test_every_letter_can_be_written_and_holds_its_link(store: Store, kind: Kind, language: str) -> None:
    persons = people(store)
    facts = {
        "username": "alice",
        "at": 1_764_158_400_000,
        "ticket": "A" * 22,
        "purpose": "not_me",
        "client": "Shop",
        "address": "::1",
    }
    writer = Writer(persons.tickets, "https://id.example", "Sealwright")

    message = writer.write(Letter("l", kind, "alice@example.com", language, facts))

    assert message is not None
    assert "https://id.example/" in message.body
    assert "{" not in message.subject + message.body
    assert writer.write(Letter("l", kind, None, language, facts)) is None


async def test_nothing_in_the_database_opens_anything(store: Store) -> None:
    """The outbox names a ticket; the token is made when the letter is sent, under a secret that is sealed elsewhere."""
    persons = people(store)
    await persons.alice(email_verified=True)
    await persons.recovery.ask("alice", FACTS)

    with store.engines.read.connect() as connection:
        rows = [str(row) for table in ("outbox_mail", "ticket") for row in connection.exec_driver_sql(f"SELECT * FROM {table}")]
    (letter,) = await outbox(persons)

    assert all(token_of(persons, letter)[22:] not in row for row in rows)
    assert json.dumps(dict(letter.facts)).count("ticket") == 1
    assert PASSWORD not in "".join(rows)
