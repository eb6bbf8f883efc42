"""Small units of work for tests of the store, and ways to look at what they left."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from auth_server.audit.events import EventName
from auth_server.audit.log import record
from auth_server.store.store import Store
from auth_server.store.transaction import Transaction
from shared.revocation import RevocationEntry, RevocationKind


class Refused(Exception):
    """What some unit of work raises."""


@dataclass(frozen=True)
class Held:
    """The writer's thread, kept busy so that units gather behind it into one group."""

    release: Callable[[], None]
    unit: asyncio.Task[None]


async def hold(store: Store) -> Held:
    """Return when the writer is busy."""
    busy, go = threading.Event(), threading.Event()

    def wait(_tx: Transaction) -> None:
        busy.set()
        go.wait(10)

    unit = asyncio.create_task(store.run(wait))
    await asyncio.to_thread(busy.wait, 10)
    return Held(go.set, unit)


async def together(store: Store, *works: Callable[[Transaction], Any]) -> list[Any]:
    """Run units in one group; return each one's value or error."""
    held = await hold(store)
    tasks = [asyncio.create_task(store.run(work)) for work in works]
    await asyncio.sleep(0)  # each has been submitted now
    held.release()
    await held.unit
    return await asyncio.gather(*tasks, return_exceptions=True)


def revoke(key: str) -> Callable[[Transaction], None]:
    return lambda tx: tx.revoke(RevocationEntry(RevocationKind.TOKEN, key, until=2_000_000_000))


def note(word: str) -> Callable[[Transaction], None]:
    return lambda tx: record(tx, EventName.TOKEN_REVOKED, detail={"word": word})


def refuse(tx: Transaction) -> None:
    revoke("never")(tx)
    note("never")(tx)
    tx.change_directory()
    tx.directory.bump()
    raise Refused


def feed_of(store: Store) -> list[tuple[int, str]]:
    return [(entry.number, entry.entry.key) for entry in store.read_blocking(lambda tx: tx.revocations.since(0, 10_000))]


def first_broken_link(store: Store) -> int | None:
    return store.read_blocking(lambda tx: tx.audit_events.first_broken_link())


def events_of(store: Store) -> int:
    return store.read_blocking(lambda tx: tx.audit_events.head().seq)
