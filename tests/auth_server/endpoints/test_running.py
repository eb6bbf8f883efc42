"""A running server: it uses no more connections than it has, and lets go of all of them."""

from __future__ import annotations

import asyncio
from pathlib import Path

from sqlalchemy import event

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
