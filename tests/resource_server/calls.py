"""Calling an ASGI application as a server would, and counting the calls of something."""

from __future__ import annotations

import asyncio
import cProfile
import json
import pstats
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class HttpAnswer:
    """An answer of an ASGI application."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str | None:
        values = [value for key, value in self.headers if key == name]
        assert len(values) <= 1, f"{name} stands there {len(values)} times"
        return values[0] if values else None

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def call(
    app: Any,
    path: str = "/me",
    *,
    method: str = "GET",
    token: bytes | None = None,
    headers: tuple[tuple[bytes, bytes], ...] = (),
    query: bytes = b"",
    body: tuple[bytes, ...] = (b"",),
) -> HttpAnswer:
    """Send one request straight into an application, byte by byte as given."""
    given = (*headers, *(((b"authorization", b"Bearer " + token),) if token is not None else ()))
    return asyncio.run(_call(app, path, method, given, query, body))


async def _call(
    app: Any, path: str, method: str, headers: tuple[tuple[bytes, bytes], ...], query: bytes, body: tuple[bytes, ...]
) -> HttpAnswer:
    incoming = [{"type": "http.request", "body": chunk, "more_body": i + 1 < len(body)} for i, chunk in enumerate(body)]
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return incoming.pop(0) if incoming else {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "https",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query,
        "root_path": "",
        "headers": list(headers),
        "client": ("192.0.2.1", 50000),
        "server": ("notes.example.com", 443),
    }
    await app(scope, receive, send)
    start = next(message for message in sent if message["type"] == "http.response.start")
    content = b"".join(message.get("body", b"") for message in sent if message["type"] == "http.response.body")
    return HttpAnswer(start["status"], tuple((n.decode("latin-1"), v.decode("latin-1")) for n, v in start["headers"]), content)


def counted_calls(act: Callable[[], object]) -> int:
    """How many calls, of Python functions and built-in ones, an act makes; the end of the profiler is one of them."""
    profile = cProfile.Profile()
    profile.enable()
    act()
    profile.disable()
    return int(pstats.Stats(profile).total_calls)  # type: ignore[attr-defined]  # typeshed does not know it
