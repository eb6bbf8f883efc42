"""A running server: it uses no more connections than it has, and lets go of all of them."""

from __future__ import annotations

import asyncio
from pathlib import Path

from sqlalchemy import event

from auth_server.audit.events import EventName
from auth_server.keys.intents import Intent
from auth_server.services import Services
from tests.support.auth_app import Issuer, running
from tests.support.databases import Database


async def test_the_clock_and_readiness_are_asked_while_every_reader_is_busy(any_issuer: Issuer) -> None:
    store = any_issuer.store
    # Every thread that may read has read, and the loop's default threads have too.
    await asyncio.gather(*(store.read(lambda tx: tx.now_ms()) for _ in range(40)))
    await asyncio.gather(*(asyncio.to_thread(store.synchronise_clock) for _ in range(40)))

    answer = await any_issuer.http.get("/readyz")

    assert answer.json() == {"status": "ok"}


async def test_no_connection_outlives_the_server(any_issuer_database: Database, tmp_path: Path) -> None:
    opened: set[int] = set()
    closed: set[int] = set()

    def watch(services: Services) -> None:
        for engine in (services.store.engines.read, services.store.engines.write):
            event.listen(engine, "connect", lambda connection, _record: opened.add(id(connection)))
            event.listen(engine, "close", lambda connection, _record: closed.add(id(connection)))

    async with running(any_issuer_database, tmp_path, before=watch) as issuer:
        await issuer.login()
        await asyncio.gather(*(issuer.store.read(lambda tx: tx.now_ms()) for _ in range(20)))

    assert opened
    assert closed == opened


async def test_a_change_of_keys_that_was_intended_and_has_no_outcome_is_reported_at_start(
    issuer_database: Database, tmp_path: Path
) -> None:
    """K10: the process that was about to burn a key died; whoever starts the next one hears of it."""
    intent = Intent(EventName.KEY_BURN_INTENDED, "RS256", "a-key-that-should-be-dead", 1, "operator")

    def die(services: Services) -> None:
        services.store.run_blocking(lambda tx: intent.record(tx, intent.event, "ok"))

    async with running(issuer_database, tmp_path, before=die) as issuer:
        told = [line for line in issuer.log if "intended and has no outcome" in line]

    assert len(told) == 1
    assert "key.burn_intended of a-key-that-should-be-dead" in told[0]
