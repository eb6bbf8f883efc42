"""One request, and the life of an application, through ASGI by hand."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Final
from urllib.parse import urlsplit

from auth_server.app import Application

Headers = Sequence[tuple[str, str]]
Answer = tuple[int, Headers, bytes]

_CLIENT: Final = ("127.0.0.1", 50_000)


async def ask(app: Application, method: str, target: str, headers: Headers, body: bytes) -> Answer:
    """Return the application's answer to one request."""
    incoming: list[dict[str, Any]] = [{"type": "http.request", "body": body, "more_body": False}]
    sent: list[Mapping[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if not incoming:
            await asyncio.Event().wait()  # the client stays
        return incoming.pop()

    async def send(message: Mapping[str, Any]) -> None:
        sent.append(message)

    parts = urlsplit(target)
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": parts.path,
        "raw_path": parts.path.encode("ascii"),
        "query_string": parts.query.encode("ascii"),
        "root_path": "",
        "headers": [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers],
        "client": _CLIENT,
        "server": ("127.0.0.1", 80),
    }
    await app(scope, receive, send)
    begin = next(message for message in sent if message["type"] == "http.response.start")
    content = b"".join(message.get("body", b"") for message in sent if message["type"] == "http.response.body")
    named = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in begin["headers"]]
    return begin["status"], named, content


async def post_json(app: Application, path: str, members: Mapping[str, object]) -> tuple[int, Mapping[str, object]]:
    """Post JSON; return the status and the JSON that came back."""
    status, _, body = await ask(app, "POST", path, [("Content-Type", "application/json")], json.dumps(members).encode())
    return status, json.loads(body)


class Lifespan:
    """The application's start and end, jobs included."""

    def __init__(self, app: Application) -> None:
        self._app = app
        self._to_app: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._from_app: asyncio.Queue[Mapping[str, Any]] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start it, and return when it is ready.

        Raises:
            RuntimeError: it did not start.
        """
        scope: dict[str, Any] = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": {}}
        self._task = asyncio.create_task(self._app(scope, self._to_app.get, self._from_app.put))
        await self._to_app.put({"type": "lifespan.startup"})
        answer = await self._from_app.get()
        if answer["type"] != "lifespan.startup.complete":
            raise RuntimeError(f"the issuer did not start: {answer.get('message', '')}")

    async def stop(self) -> None:
        """Let it end."""
        await self._to_app.put({"type": "lifespan.shutdown"})
        if self._task is not None:
            with suppress(asyncio.CancelledError):
                await self._task
