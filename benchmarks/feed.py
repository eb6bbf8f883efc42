"""The revocation feed at a million living tokens: how large it is, and what it costs the issuer and each resource server."""

from __future__ import annotations

import asyncio
import random
import time
import tracemalloc
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from auth_server.revocation.pages import read_page
from auth_server.services import Services, build_services
from auth_server.settings import load
from auth_server.store.migrate import upgrade
from auth_server.store.transaction import Transaction
from benchmarks.machine import microseconds_each
from resource_server.verifier.feed_page import verify_page
from resource_server.verifier.key_set import KeySet, parse_key_set
from resource_server.verifier.policy import Policy
from resource_server.verifier.revoked import Revoked
from resource_server.verifier.verify import verify
from shared import base64url, jose
from shared.claims import REQUIRED

LIVE_TOKENS: Final = 1_000_000
# Parts of them that are revoked: a quiet day, an ordinary one, an incident.
PARTS: Final = (0.0001, 0.001, 0.01)
_ISSUER: Final = "http://localhost:8000"
_SLICE: Final = 1_000


@dataclass(frozen=True, slots=True)
class FeedCost:
    """One row: sizes in bytes, times in microseconds of processor time."""

    revoked: int
    pages: int
    snapshot_bytes: int
    issuer_us: float
    reader_us: float
    reader_bytes: int
    look_us: float
    delta_bytes: int
    delta_issuer_us: float


def measure(folder: Path) -> list[FeedCost]:
    """Measure each part in turn, on SQLite."""
    environment = {"AUTH_SERVER_ISSUER": _ISSUER, "AUTH_SERVER_DATA_DIR": str(folder)}
    services = build_services(load(environment))
    try:
        upgrade(services.store.engines)
        return asyncio.run(_measure(services))
    finally:
        services.close()


async def _measure(services: Services) -> list[FeedCost]:
    await services.start()
    key_set = parse_key_set(services.keyring.jwks()[0], frozenset({jose.RS256}))
    rows, written = [], 0
    for part in PARTS:
        wanted = round(LIVE_TOKENS * part)
        while written < wanted:
            count = min(_SLICE, wanted - written)
            await services.store.run(lambda tx, first=written, count=count: _revoke(services, tx, first, count))  # type: ignore[misc]
            written += count
        rows.append(await _row(services, key_set, wanted))
    return rows


def _revoke(services: Services, tx: Transaction, first: int, count: int) -> None:
    for number in range(first, first + count):
        services.feed.revoke_session(tx, base64url.encode(number.to_bytes(16, "big")))


async def _row(services: Services, key_set: KeySet, revoked: int) -> FeedCost:
    began = time.process_time_ns()
    pages = await _pages(services, None)
    issuer_us = (time.process_time_ns() - began) / 1000
    delta_us, delta = await _delta(services, revoked - 1)
    dead, now = Revoked(), services.store.clock.now()

    def take() -> None:
        for page in pages:
            for entry in verify_page(page, key_set, dead, issuer=_ISSUER, leeway=60, now=now).entries:
                dead.add(entry)

    reader_us = microseconds_each(take, 1)
    dead = Revoked()
    tracemalloc.start()
    take()
    reader_bytes = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    look_us = await _look(services, key_set, dead)
    sizes = sum(map(len, pages))
    return FeedCost(revoked, len(pages), sizes, issuer_us, reader_us, reader_bytes, look_us, len(delta), delta_us)


async def _pages(services: Services, after: int | None) -> Sequence[bytes]:
    found = []
    while True:
        page = await services.store.read(lambda tx: read_page(tx, after, services.store.clock.now()))  # noqa: B023
        claims = page.to_claims(issuer=_ISSUER, issued_at=services.store.clock.now(), key_epoch=1)
        found.append((await services.keyring.sign(claims, jose.REVOCATION_FEED_TYPE)).encode("ascii"))
        if not page.has_more:
            return found
        after = page.last


async def _delta(services: Services, after: int) -> tuple[float, bytes]:
    times, made = [], b""
    for _ in range(20):
        began = time.process_time_ns()
        (made,) = await _pages(services, after)
        times.append((time.process_time_ns() - began) / 1000)
    return sorted(times)[len(times) // 2], made


async def _look(services: Services, key_set: KeySet, dead: Revoked) -> float:
    now = services.store.clock.now()
    claims: dict[str, object] = dict.fromkeys(REQUIRED, "x")
    claims |= {
        "iss": _ISSUER,
        "aud": "https://api.example",
        "iat": now,
        "exp": now + 600,
        "grant_id": "g",
        "sid": str(random.random()),
    }
    compact = (await services.keyring.sign(claims, jose.ACCESS_TOKEN_TYPE)).encode("ascii")
    token = verify(compact, key_set, Policy(_ISSUER, frozenset({"https://api.example"}), frozenset({jose.RS256})), now)
    return microseconds_each(lambda: dead.check(token), 20_000)


def as_lines(rows: Sequence[FeedCost]) -> Iterator[str]:
    """Return the table, as Markdown."""
    yield f"## The revocation feed at {LIVE_TOKENS:,} living tokens"
    yield ""
    yield (
        "| revoked | snapshot | pages | issuer: read and sign it, once for everybody | each API: verify and take it | its memory "
        "| one look at a token | one more revocation: size | issuer |"
    )
    yield "| --- | --- | --- | --- | --- | --- | --- | --- | --- |"
    for row in rows:
        yield (
            f"| {row.revoked:,} | {row.snapshot_bytes / 1024:,.1f} KiB | {row.pages} | {row.issuer_us / 1000:,.1f} ms "
            f"| {row.reader_us / 1000:,.1f} ms | {row.reader_bytes / 1024:,.0f} KiB | {row.look_us:.2f} µs "
            f"| {row.delta_bytes:,} B | {row.delta_issuer_us:,.0f} µs |"
        )
    yield ""
