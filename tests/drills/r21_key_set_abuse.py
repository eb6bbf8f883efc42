"""R21: tokens with unknown kids by the thousand, while the issuer answers 429, 500, hangs, sends far too much, or HTML.

Fetches stay within five and one every 30 s, at least a second apart; what has a known key is verified as quickly as among tokens that are
refused for another reason and keep the thread as long: whatever it was, the first verification after some milliseconds of anything else
finds the caches cold, and takes twice as long as the next.
Judged by processor time of the thread: on a machine that others use, the rest of a wall clock's p99 is theirs.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from statistics import median
from typing import Any, Final

from resource_server import Guard, TokenRefused
from tests.drills.tally import Tally
from tests.resource_server.support import (
    AUDIENCE,
    IssuerServer,
    Reply,
    a_header,
    a_token,
    an_issuer,
    claims,
    jwks,
    rsa_jwk,
    segment,
)

SECONDS, SECONDS_IN_FULL = 12.0, 120.0
KNOWN_A_TURN: Final = 20
MOST_SLOWER: Final = 1.10
_TURN: Final = 0.25
_BATCH: Final = 250
_STEP: Final = 10


def run(*, full: bool) -> Tally:
    """Carry the drill out."""
    tally = Tally("R21")
    with an_issuer() as issuer:
        now = int(time.time())
        known = [
            a_token(claims(iss=issuer.url, iat=now, exp=now + 3600, jti=f"known-{number}")).decode() for number in range(500)
        ]
        unknown = itertools.count()
        ratios, flooded, flooding = [], 0, 0.0
        for name, reply in _answers().items():
            measured = asyncio.run(_under(issuer, name, reply, known, unknown, SECONDS_IN_FULL if full else SECONDS, tally))
            flooded += measured["flooded"]
            flooding += measured["flooding"]
            ratios.append(measured["flood"] / measured["quiet"])
            tally.notes.append(f"{name}: p99 {measured['quiet']:.0f} → {measured['flood']:.0f} µs, {measured['fetches']} fetches")
    worst, middle = max(ratios), median(ratios)
    tally.notes.append(
        f"{flooded:,} unknown kids, {flooded / flooding:,.0f}/s; p99 of known kids × {middle:.2f} (median), × {worst:.2f} at most"
    )
    if middle > MOST_SLOWER:
        tally.broken.append(f"p99 of known kids × {middle:.2f}")
    return tally


def _huge(handler: BaseHTTPRequestHandler) -> None:
    """Say a gigabyte, and send it for as long as somebody reads."""
    handler.send_response(200)
    handler.send_header("Content-Length", str(1 << 30))
    handler.end_headers()
    for _ in range(1 << 14):
        handler.wfile.write(b" " * 65_536)


def _hang(handler: BaseHTTPRequestHandler) -> None:
    time.sleep(8)
    handler.close_connection = True


def _answers() -> dict[str, Reply]:
    return {
        "good": Reply(jwks(rsa_jwk("one"))),
        "429": Reply(b"", 429, {"Retry-After": "1"}),
        "500": Reply(b"", 500),
        "hangs": Reply(act=_hang),
        "1 GB": Reply(act=_huge),
        "HTML": Reply(b"<!doctype html><title>Not found</title>"),
    }


async def _under(
    issuer: IssuerServer, name: str, reply: Reply, known: list[str], unknown: Any, seconds: float, tally: Tally
) -> dict[str, Any]:
    """Verify known tokens with and without a flood, in turns, while the issuer answers so."""
    issuer.replies["/jwks"] = Reply(jwks(rsa_jwk("one")))
    guard = Guard(issuer=issuer.url, audience=AUDIENCE, cached_tokens=0, on_event=lambda *_: None)
    await guard.awarm(10)
    issuer.replies["/jwks"] = reply
    tally.faults += 1
    asked, began = len(issuer.times()), time.monotonic()
    times: dict[str, list[int]] = {"quiet": [], "flood": []}
    tail = "." + segment(claims(iss=issuer.url)).decode() + "." + "A" * 342
    flooded, flooding, lasts = 0, 0.0, 0.0
    while time.monotonic() < began + seconds:
        for kind in ("quiet", "flood"):
            gc.collect()
            ends_at, sent = time.monotonic() + _TURN, 0
            while time.monotonic() < ends_at:
                busy = time.thread_time()
                sent += await _flood(guard, _tokens(kind, unknown, tail, _BATCH), tally)
                if kind == "flood":
                    lasts = time.thread_time() - busy
                while time.thread_time() - busy < lasts:
                    await _flood(guard, _tokens(kind, unknown, tail, _STEP), tally)
                for token in known[:KNOWN_A_TURN]:
                    times[kind].append(await _timed(guard, token, tally))
                known.append(known.pop(0))
            flooded += sent if kind == "flood" else 0
            flooding += _TURN if kind == "flood" else 0.0
    fetches = issuer.times()[asked:]
    _judge_fetches(name, fetches, time.monotonic() - began, tally)
    while _WAITING:
        await asyncio.wait(set(_WAITING))
    guard.close()
    return {
        **{kind: sorted(found)[len(found) * 99 // 100] / 1000 for kind, found in times.items()},
        "fetches": len(fetches),
        "flooded": flooded,
        "flooding": flooding,
    }


async def _timed(guard: Guard, token: str, tally: Tally) -> int:
    tally.offered += 1
    began = time.thread_time_ns()
    try:
        await guard.averify(token)
        tally.served += 1
    except TokenRefused:
        tally.wrongly_rejected += 1
    return time.thread_time_ns() - began


def _tokens(kind: str, unknown: Iterator[int], tail: str, count: int) -> list[str]:
    """Return tokens that are refused: in a flood for their kid, else for their type, which needs no look at any key."""
    member = "kid" if kind == "flood" else "typ"
    return [segment(a_header(**{member: f"unknown-{next(unknown)}"})).decode() + tail for _ in range(count)]


async def _flood(guard: Guard, batch: list[str], tally: Tally) -> int:
    """Present a batch of tokens, all at once; those that wait for a fetch go on waiting in the background."""
    waiting = [asyncio.ensure_future(_refused(guard, token, tally)) for token in batch]
    await asyncio.sleep(0)
    for task in waiting:
        if not task.done():
            _WAITING.add(task)
            task.add_done_callback(_WAITING.discard)
    return len(batch)


_WAITING: Final[set[asyncio.Future[None]]] = set()


async def _refused(guard: Guard, token: str, tally: Tally) -> None:
    tally.offered += 1
    try:
        await guard.averify(token)
        tally.wrongly_accepted += 1
    except TokenRefused:
        tally.served += 1


def _judge_fetches(name: str, fetches: list[float], seconds: float, tally: Tally) -> None:
    if len(fetches) > 5 + seconds / 30:
        tally.broken.append(f"{name}: {len(fetches)} fetches in {seconds:.0f} s")
    gaps = [later - earlier for earlier, later in itertools.pairwise(fetches)]
    # The issuer notes when a request reached it, which is a moment after it was sent.
    if any(gap < 0.95 for gap in gaps):
        tally.broken.append(f"{name}: two fetches {min(gaps):.2f} s apart")
