"""Outbox, tickets and changes of addresses on both databases."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from auth_server.jobs.deliver_mail import DeliverMail
from auth_server.mail.contract import Mailer, MailUnsent, Message
from auth_server.store.email_changes import EmailChange
from auth_server.store.outbox import Letter
from auth_server.store.store import Store
from auth_server.store.transaction import Transaction
from tests.support.databases import Database
from tests.support.people import People, people

pytestmark = pytest.mark.anyio


def a_letter(number: int = 1, **changes: object) -> Letter:
    members = {"kind": "reset", "recipient": "alice@example.com", "language": "en", "facts": {"username": "alice", "at": 1}}
    return Letter(id=f"letter-{number}", **(members | changes))


class Tray(Mailer):
    """Takes letters, or refuses them as long as it is told to."""

    schemes = ()

    def __init__(self, *, broken: bool = False) -> None:
        self.sent: list[str] = []
        self.broken = broken

    def send(self, message: Message) -> None:
        if self.broken:
            raise MailUnsent("down")
        self.sent.append(message.id)


class PlainWriter:
    """Writes letters without their texts."""

    def write(self, letter: Letter) -> Message | None:
        if letter.recipient is None:
            return None
        return Message(letter.id, letter.recipient, letter.language, "subject", "body", datetime(2026, 1, 1, tzinfo=UTC))


def add(store: Store, *letters: Letter) -> None:
    for letter in letters:
        store.run_blocking(lambda tx, letter=letter: tx.outbox.add(letter))


async def test_a_letter_is_claimed_by_one_of_two_replicas(any_database: Database) -> None:
    one, two = any_database.store(), any_database.store()
    add(one, *map(a_letter, range(20)))

    def claim(store: Store) -> list[Letter]:
        return store.run_blocking(lambda tx: tx.outbox.claim(most=15, lease_ms=60_000))

    first, second = await asyncio.gather(asyncio.to_thread(claim, one), asyncio.to_thread(claim, two))

    claimed = [letter.id for letter in (*first, *second)]
    assert len(claimed) == len(set(claimed))
    assert len(claimed) >= 15


async def test_what_was_sent_is_forgotten_and_what_was_not_is_tried_again(any_database: Database) -> None:
    store, tray = any_database.store(), Tray(broken=True)
    job = DeliverMail(store=store, writer=PlainWriter(), mailer=tray)
    add(store, a_letter(1), a_letter(2, recipient=None))

    waits = []
    for _ in range(4):
        await job.run()
        before = any_database.clock.ms
        while not await store.read(lambda tx: tx.outbox.is_due()):
            any_database.clock.advance(1)
        waits.append(round((any_database.clock.ms - before) / 1000))
    tray.broken = False
    await job.run()
    await job.run()

    assert waits == [10, 20, 40, 80]
    assert tray.sent == ["letter-1"]  # and nobody got the one without a recipient
    any_database.clock.advance(10 * 86_400)
    assert not await store.read(lambda tx: tx.outbox.is_due())


async def test_after_three_days_a_letter_is_given_up_and_the_log_says_so(any_database: Database) -> None:
    store = any_database.store()
    job = DeliverMail(store=store, writer=PlainWriter(), mailer=Tray(broken=True))
    add(store, a_letter())

    any_database.clock.advance(3 * 86_400)
    await job.run()
    any_database.clock.advance(86_400)

    assert not await store.read(lambda tx: tx.outbox.is_due())
    names = [body for _, body in await store.read(lambda tx: tx.audit_events.since(0, 10))]
    assert any("mail.undelivered" in body for body in names)


async def test_a_letter_that_dies_with_its_sender_is_sent_after_the_lease(any_database: Database) -> None:
    store = any_database.store()
    add(store, a_letter())
    assert len(await store.run(lambda tx: tx.outbox.claim(most=5, lease_ms=60_000))) == 1
    assert await store.run(lambda tx: tx.outbox.claim(most=5, lease_ms=60_000)) == []

    any_database.clock.advance(61)

    (again,) = await store.run(lambda tx: tx.outbox.claim(most=5, lease_ms=60_000))
    assert again.attempts == 2


def ticket(tx: Transaction, sub: str | None, digest: bytes = b"d" * 32, purpose: str = "reset_password") -> None:
    tx.tickets.add(digest, purpose=purpose, sub=sub, address=None, interaction=None, lifetime_ms=60_000)


async def alice_of(persons: People) -> str:
    return (await persons.alice()).sub


async def test_of_racing_uses_of_a_ticket_one_succeeds(any_database: Database) -> None:
    stores = [any_database.store() for _ in range(4)]
    sub = await alice_of(people(stores[0]))
    await stores[0].run(lambda tx: ticket(tx, sub))

    def spend(store: Store) -> bool:
        return store.run_blocking(lambda tx: tx.tickets.spend(b"d" * 32, "reset_password")) is not None

    won = await asyncio.gather(*(asyncio.to_thread(spend, store) for store in stores for _ in range(4)))

    assert won.count(True) == 1


async def test_a_ticket_is_for_its_purpose_its_time_and_somebody(any_database: Database) -> None:
    store = any_database.store()
    sub = await alice_of(people(store))
    await store.run(lambda tx: ticket(tx, sub))
    await store.run(lambda tx: ticket(tx, None, b"decoy" * 6))

    assert await store.run(lambda tx: tx.tickets.spend(b"d" * 32, "not_me")) is None
    assert await store.run(lambda tx: tx.tickets.spend(b"decoy" * 6, "reset_password")) is None
    any_database.clock.advance(60)
    assert await store.run(lambda tx: tx.tickets.spend(b"d" * 32, "reset_password")) is None
    found = await store.read(lambda tx: tx.tickets.find(b"d" * 32, "reset_password"))
    assert found is not None
    assert (found.is_live, found.is_used) == (False, False)


async def test_what_is_void_is_gone_and_what_is_long_over_is_forgotten(any_database: Database) -> None:
    store = any_database.store()
    sub = await alice_of(people(store))
    await store.run(lambda tx: ticket(tx, sub))
    await store.run(lambda tx: tx.tickets.void(sub, "reset_password", "not_me"))
    assert await store.read(lambda tx: tx.tickets.find(b"d" * 32, "reset_password")) is None

    await store.run(lambda tx: ticket(tx, sub, b"e" * 32))
    any_database.clock.advance(86_400)
    assert await store.run(lambda tx: tx.tickets.forget()) == 0
    any_database.clock.advance(120)
    assert await store.run(lambda tx: tx.tickets.forget()) == 1


async def test_a_change_of_address_replaces_the_one_before_and_ends_by_itself(any_database: Database) -> None:
    store = any_database.store()
    sub = await alice_of(people(store))
    first = EmailChange("a@x.example", "a@x.example", old_confirmed=False, new_confirmed=False)
    second = EmailChange("B@x.example", "b@x.example", old_confirmed=True, new_confirmed=False)
    await store.run(lambda tx: tx.email_changes.begin(sub, first, 60_000))
    await store.run(lambda tx: tx.email_changes.confirm(sub, is_old=False))
    assert (await store.read(lambda tx: tx.email_changes.find(sub))) == EmailChange("a@x.example", "a@x.example", False, True)

    await store.run(lambda tx: tx.email_changes.begin(sub, second, 60_000))
    assert await store.read(lambda tx: tx.email_changes.find(sub)) == second
    any_database.clock.advance(60)

    assert await store.read(lambda tx: tx.email_changes.find(sub)) is None
    any_database.clock.advance(1)
    assert await store.run(lambda tx: tx.email_changes.forget()) == 1
