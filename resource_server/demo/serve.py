"""Running the notes service: sockets, signals, and an orderly end."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Final

import uvicorn

from resource_server.demo.app import build_app
from resource_server.demo.health import Draining, product_version
from resource_server.demo.http import log
from resource_server.settings import Settings

_BACKLOG: Final = 2048
_GRACE_SECONDS: Final = 10
_LOOPBACK: Final = ("127.0.0.1", "::1")


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
    guard = settings.guard(log)
    draining = Draining()
    config = uvicorn.Config(
        build_app(guard, draining),
        loop="auto",  # uvloop and httptools where they are installed; without them the same, slower
        http="auto",
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
