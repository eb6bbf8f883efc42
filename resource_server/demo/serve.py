"""Running the notes service: sockets, signals, and an orderly end."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Final

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from resource_server.demo.app import build_app
from resource_server.demo.health import Draining, product_version
from resource_server.demo.http import log
from resource_server.settings import Settings

_BACKLOG: Final = 2048
_GRACE_SECONDS: Final = 10
_LOOPBACK: Final = ("127.0.0.1", "::1")
_MAX_HEAD_BYTES: Final = 64 * 1024
_HEAD_SECONDS: Final = 10.0
_TOO_LARGE: Final = b"HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


class CannotListen(Exception):
    """The address is taken, or not ours; the text says which and why."""


def serve(settings: Settings) -> None:
    """Serve until told to stop (SIGTERM or SIGINT), then: not ready, drain, finish what runs, end.

    Raises:
        CannotListen: before anything was answered.
    """
    for warning in settings.warnings:
        log("warning", "settings", {"detail": warning})
    sockets = bind(settings.host, settings.port)
    guard = settings.guard(_log_event)
    draining = Draining()
    config = uvicorn.Config(
        build_app(guard, draining),
        loop="auto",  # uvloop where it is installed; without it the same, slower
        http=_BoundedHead,
        ws="none",
        lifespan="on",
        access_log=False,
        log_config=None,
        proxy_headers=False,
        server_header=False,
        backlog=_BACKLOG,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    addresses = [f"http://{_shown(s)}" for s in sockets]
    log(
        "info",
        "started",
        {"version": product_version(), "addresses": addresses, "issuer": settings.issuer, "audience": settings.audience},
    )
    try:
        _Server(config, draining, settings.drain_seconds).run(sockets)
    finally:
        guard.close()
    log("info", "stopped", {})


def _log_event(level: str, event: str, fields: Mapping[str, object]) -> None:
    if event != "token_refused":  # the request's own line says that, reason and hint, under the request's id
        log(level, event, fields)


def bind(host: str | None, port: int) -> list[socket.socket]:
    """Return listening sockets: of one address, or of both loopback addresses, so that `localhost` and `127.0.0.1` answer alike.

    Raises:
        CannotListen: with the system's reason.
    """
    if host is not None and host != "localhost":
        return [_bound(host, port)]
    first = _bound(_LOOPBACK[0], port)
    with suppress(CannotListen):  # a machine without IPv6, or one whose ::1 is taken, still serves 127.0.0.1
        return [first, _bound(_LOOPBACK[1], first.getsockname()[1])]
    return [first]


def _bound(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _name, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[
            0
        ]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise CannotListen(f"cannot listen on {host}: {error.strerror or error}") from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6 and host != "::":
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
        listener.set_inheritable(True)
    except OSError as error:
        listener.close()
        raise CannotListen(f"cannot listen on {host} port {port}: {error.strerror or error}") from error
    return listener


def _shown(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class _BoundedHead(HttpToolsProtocol):
    """Takes request heads of at most 64 KiB that arrive within 10 seconds: the parser itself would collect for ever."""

    _in_head = True
    _head_bytes = 0
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Give the first head its time."""
        super().connection_made(transport)
        self._deadline = asyncio.get_running_loop().call_later(_HEAD_SECONDS, transport.close)

    def data_received(self, data: bytes) -> None:
        """Count what arrives while a head is open."""
        # The piece in which a head begins may end another request, and is not counted: it is bounded by one read.
        counted = self._in_head
        super().data_received(data)
        if counted and self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > _MAX_HEAD_BYTES and not self.transport.is_closing():
                self.transport.write(_TOO_LARGE)
                self.transport.close()

    def on_message_begin(self) -> None:
        """A head begins."""
        super().on_message_begin()
        if not self._in_head:
            self._in_head, self._head_bytes = True, 0
            self._deadline = asyncio.get_running_loop().call_later(_HEAD_SECONDS, self.transport.close)

    def on_headers_complete(self) -> None:
        """The head is whole."""
        self._forget_deadline()
        self._in_head = False
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody waits any more."""
        self._forget_deadline()
        super().connection_lost(exc)

    def _forget_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


class _Server(uvicorn.Server):
    """Ends in steps, and with status 0: being told to stop is no failure."""

    def __init__(self, config: uvicorn.Config, draining: Draining, drain_seconds: float) -> None:
        super().__init__(config)
        self._draining, self._drain_seconds = draining, drain_seconds
        self._loop: asyncio.AbstractEventLoop | None = None

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Replace uvicorn's own, which stops listening at once and then raises the signal again."""
        self._loop = asyncio.get_running_loop()
        before = {number: signal.signal(number, self._told_to_stop) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, former in before.items():
                signal.signal(number, former)

    def _told_to_stop(self, _number: int, _frame: FrameType | None) -> None:
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._stop_in_steps)

    def _stop_in_steps(self) -> None:
        assert self._loop is not None
        if self._draining.active:
            # The second signal: whoever sends it does not want to wait.
            self.should_exit = self.force_exit = True
            return
        # Not ready first: balancers take this server out while it still answers. Then drain, then stop listening.
        self._draining.active = True
        log("info", "stopping", {"drain_seconds": self._drain_seconds})
        self._loop.call_later(self._drain_seconds, self._stop)

    def _stop(self) -> None:
        self.should_exit = True


def silence_interrupt() -> None:
    """Let a signal that comes while starting or ending be an end without a stack trace."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
