"""A load by our own means, for machines without wrk and for loads that wrk cannot make (`python -m benchmarks.client`).

Reads a `Load` and its `seconds` as JSON from standard input; writes an `Outcome` as JSON.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from contextlib import suppress
from itertools import cycle
from typing import Any, Final, cast
from urllib.parse import urlsplit

_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_SUCCESSOR: Final = re.compile(rb'"refresh_token":"([^"]+)"')
_PLACE: Final = b"{refresh_token}"


class Asking:
    """What all connections share: what is asked next, and what was answered."""

    def __init__(self, requests: list[str], tokens: list[str], interval: float | None) -> None:
        self._next = cycle([request.encode("ascii") for request in requests])
        self._tokens = [token.encode("ascii") for token in tokens]
        self._chained = bool(tokens)
        self.interval = interval
        self.over = False
        self.answered = 0
        self.failed = 0
        self.waited: list[float] = []

    def request(self) -> bytes:
        """Return what is sent next."""
        request = next(self._next)
        return request.replace(_PLACE, self._tokens.pop(0)) if self._chained else request

    def note(self, status: bytes, body: bytes, seconds: float) -> None:
        """Count an answer, and keep the token in it for its turn."""
        if self.over:
            return
        self.waited.append(seconds)
        if status.startswith(b"2"):
            self.answered += 1
        else:
            self.failed += 1
        if self._chained and (successor := _SUCCESSOR.search(body)):
            self._tokens.append(successor[1])


class Connection(asyncio.Protocol):
    """One keep-alive connection with one request at a time."""

    def __init__(self, asking: Asking) -> None:
        self._asking = asking
        self._received = b""
        self._sent_at = 0.0
        self._due = 0.0
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)  # uvloop's own is no subclass of it
        self._due = time.perf_counter()
        self._send()

    def data_received(self, data: bytes) -> None:
        self._received += data
        answer = find_answer(self._received)
        if answer is None:
            return
        head, body = answer
        self._received = b""
        self._asking.note(head[9:12], body, time.perf_counter() - self._sent_at)
        self._go_on()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._asking.over:
            self._asking.failed += 1

    def _go_on(self) -> None:
        interval = self._asking.interval
        if interval is None:
            self._send()
            return
        # By the timetable, not by the last answer: a server that stalls must not be asked less often for it.
        self._due = max(self._due + interval, time.perf_counter())
        asyncio.get_running_loop().call_later(max(0.0, self._due - time.perf_counter()), self._send)

    def _send(self) -> None:
        if self._asking.over or self._transport is None:
            return
        self._sent_at = time.perf_counter()
        self._transport.write(self._asking.request())


def find_answer(received: bytes) -> tuple[bytes, bytes] | None:
    """Return head and body of an HTTP answer, once the whole of it was received."""
    head, found, body = received.partition(b"\r\n\r\n")
    if not found or len(body) < (int(length[1]) if (length := _LENGTH.search(head)) else 0):
        return None
    return head, body


async def load(job: dict[str, Any]) -> dict[str, float]:
    """Carry out a load; return the members of its `Outcome`."""
    connections: int = job["connections"]
    asking = Asking(job["requests"], job["tokens"], connections / job["rate"] if job["rate"] else None)
    address, loop = urlsplit(job["url"]), asyncio.get_running_loop()
    began = time.perf_counter()
    made = [await loop.create_connection(lambda: Connection(asking), address.hostname, address.port) for _ in range(connections)]
    await asyncio.sleep(job["seconds"])
    seconds, asking.over = time.perf_counter() - began, True
    for transport, _ in made:
        transport.close()
    waited = sorted(asking.waited) or [0.0]
    return {
        "answered": asking.answered,
        "failed": asking.failed,
        "seconds": seconds,
        "p50_ms": waited[len(waited) // 2] * 1000,
        "p99_ms": waited[min(len(waited) - 1, len(waited) * 99 // 100)] * 1000,
    }


def main() -> None:
    """Read the job, carry it out, write what came of it."""
    job = json.load(sys.stdin)
    factory = None
    with suppress(ImportError):
        import uvloop

        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        print(json.dumps(runner.run(load(job))))


if __name__ == "__main__":
    main()
