"""Readers of the feed that wait for news: told at once, by one answer for all, let go, and never past what was written."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from auth_server.store.transaction import Transaction
from tests.support.auth_app import Issuer, running
from tests.support.databases import Database
from tests.support.feed_reader import FEED, page_of, revoke, until, watch_of


async def test_who_waits_is_told_at_once_of_a_commit_of_this_process(any_issuer: Issuer) -> None:
    waiting = asyncio.create_task(page_of(any_issuer, "?after=0&wait=10"))
    await until(lambda: watch_of(any_issuer).waiting == 1)

    await revoke(any_issuer, "g1")

    async with asyncio.timeout(8):
        assert [entry["key"] for entry in (await waiting)["entries"]] == ["g1"]


async def test_who_waits_is_told_of_another_replicas_commit(any_issuer: Issuer) -> None:
    other = any_issuer.database.store()
    waiting = asyncio.create_task(page_of(any_issuer, "?after=0&wait=10"))
    await until(lambda: watch_of(any_issuer).waiting == 1)

    await other.run(lambda tx: FEED.revoke_grant(tx, "g1"))

    async with asyncio.timeout(8):
        assert [entry["key"] for entry in (await waiting)["entries"]] == ["g1"]


async def test_who_waits_is_told_when_the_keys_change(issuer: Issuer) -> None:
    before = issuer.services.keyring.published().epoch
    waiting = asyncio.create_task(page_of(issuer, f"?after=0&wait=10&key_epoch={before}"))
    await until(lambda: watch_of(issuer).waiting == 1)

    await issuer.services.burning.burn(issuer.rows("signing_key")[0]["kid"], reason="test")

    async with asyncio.timeout(8):
        assert (await waiting)["key_epoch"] > before


async def test_the_wait_ends_without_news(issuer: Issuer) -> None:
    async with asyncio.timeout(8):
        page = await page_of(issuer, "?after=0&wait=1")

    assert page["entries"] == []


async def test_one_answer_is_signed_once_for_everybody_who_waits(issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    signed = 0
    sign = issuer.services.keyring.sign

    async def counting(*arguments: Any) -> str:
        nonlocal signed
        signed += 1
        return await sign(*arguments)

    monkeypatch.setattr(issuer.services.keyring, "sign", counting)
    waiting = [asyncio.create_task(page_of(issuer, "?after=0&wait=10")) for _ in range(50)]
    await until(lambda: watch_of(issuer).waiting == 50)
    with issuer.counting() as cost:
        await revoke(issuer, "g1")
        pages = await asyncio.gather(*waiting)

    assert signed == 1
    assert all(page["to"] == 1 for page in pages)
    read = [statement for statement in cost.statements if "FROM feed_entry" in statement]
    assert len(read) <= 4


async def test_whoever_comes_when_the_room_is_full_is_answered_without_waiting(issuer_database: Database, tmp_path: Path) -> None:
    async with running(issuer_database, tmp_path, {"REVOCATION_FEED_WAITERS": "1"}) as issuer:
        waiting = asyncio.create_task(page_of(issuer, "?after=0&wait=10"))
        await until(lambda: watch_of(issuer).waiting == 1)
        async with asyncio.timeout(8):
            page = await page_of(issuer, "?after=0&wait=10")
            token = await issuer.token("machine", grant_type="client_credentials")
        await revoke(issuer, "g1")
        told = await waiting

    assert (page["entries"], token.status_code, told["to"]) == ([], 200, 1)


async def test_a_stopping_server_lets_its_readers_go(issuer: Issuer) -> None:
    waiting = asyncio.create_task(page_of(issuer, "?after=0&wait=10"))
    await until(lambda: watch_of(issuer).waiting == 1)

    issuer.services.health.draining = True

    async with asyncio.timeout(8):
        assert (await waiting)["entries"] == []


async def test_a_reader_who_left_takes_up_no_room(issuer: Issuer) -> None:
    gone = asyncio.Event()
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "GET",
        "path": "/revocation-feed",
        "query_string": b"after=0&wait=10",
        "headers": [],
        "client": ("192.0.2.9", 1),
    }
    serving = asyncio.create_task(_serve(issuer.app, scope, receive, send))
    await until(lambda: watch_of(issuer).waiting == 1)

    gone.set()

    async with asyncio.timeout(8):
        await serving
    assert watch_of(issuer).waiting == 0


async def _serve(app: Callable[..., Awaitable[None]], *arguments: Any) -> None:
    await app(*arguments)


def _parallel(tx: Transaction, writer: int) -> None:
    FEED.revoke_grant(tx, f"w{writer}")


async def test_a_reader_misses_nothing_while_several_replicas_write(any_issuer: Issuer) -> None:
    """With a plain sequence a lower number may commit later than a higher one, and a reader would skip it for ever."""
    writers = [any_issuer.database.store() for _ in range(4)]
    done = asyncio.Event()
    seen: list[int] = []

    async def read() -> None:
        after = 0
        while True:
            over = done.is_set()
            page = await any_issuer.store.read(lambda tx: tx.revocations.since(after, 1000))  # noqa: B023
            seen.extend(entry.number for entry in page)
            after = seen[-1] if seen else 0
            if over:
                return
            await asyncio.sleep(0)

    reading = asyncio.create_task(read())
    await asyncio.gather(*(store.run(lambda tx, w=w: _parallel(tx, w)) for _ in range(30) for w, store in enumerate(writers)))
    done.set()
    await reading

    assert seen == list(range(1, 121))
