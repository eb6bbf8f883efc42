"""Run the server: readiness goes first on a stop signal, then what runs is finished, then the process ends with 0."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Final

import uvicorn

from auth_server.api.registry import management_doors
from auth_server.app import Application
from auth_server.cli.head_bounds import BoundedHead
from auth_server.cli.workers import supervise
from auth_server.services import Services, build_services
from auth_server.settings import Settings, load
from auth_server.telemetry.logging import configure

_LOG: Final = logging.getLogger("auth_server")
# A balancer needs a moment to see the 503 of /readyz; on loopback there is none.
_DRAIN_SECONDS: Final = 3.0
_FINISH_SECONDS: Final = 10
_KEEP_ALIVE_SECONDS: Final = 5
_BACKLOG: Final = 1024


class CannotServe(Exception):
    """The server cannot start; the sentence says why and what to do."""


def serve(settings: Settings) -> None:
    """Serve a database that is ready for it until a stop signal.

    Raises:
        CannotServe: the address is taken, or the application did not start.
    """
    for warning in settings.warnings:
        _LOG.warning("settings", extra={"fields": {"warning": warning}})
    sockets = listen(settings.host, settings.port)
    if settings.workers > 1:
        supervise(_work, settings.workers, sockets)
        return
    run(_serve(settings, sockets))


def run(main: Awaitable[None]) -> None:
    """Run a coroutine on the fast event loop where there is one."""
    with asyncio.Runner(loop_factory=_new_loop()) as runner:
        runner.run(_as_coroutine(main))


def listen(host: str, port: int) -> list[socket.socket]:
    """Return bound sockets. The loopback address answers under both of its families, so `localhost` works however it resolves.

    Raises:
        CannotServe: the address is taken or is not one of this machine.
    """
    first = _bound(host, port)
    if host != "127.0.0.1":
        return [first]
    sockets = [first]
    with contextlib.suppress(CannotServe):  # no IPv6 here, or somebody else's: then IPv4 alone
        sockets.append(_bound("::1", first.getsockname()[1]))
    return sockets


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0 if host == "::" else 1)
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise CannotServe(f"cannot listen on {host} port {port}: {error.strerror}") from error
    bound.set_inheritable(True)
    return bound


async def _serve(settings: Settings, sockets: list[socket.socket]) -> None:
    services = build_services(settings)
    main = _GracefulServer(_config(Application(services)), services, settings)
    if settings.management_port is None:
        await _serve_to_the_end(main, sockets)
        return
    doors = Application(services, doors=management_doors(services), runs_jobs=False)
    management = _QuietServer(_config(doors))
    beside = asyncio.create_task(_serve_beside(management, main, listen(settings.host, settings.management_port)))
    try:
        await _serve_to_the_end(main, sockets)
    finally:
        management.should_exit = True
        main.listening.set()
        await beside


async def _serve_beside(management: uvicorn.Server, main: _GracefulServer, sockets: list[socket.socket]) -> None:
    # "Ready" must not be said before the main listener accepts.
    await main.listening.wait()
    if not management.should_exit:
        await management.serve(sockets=sockets)


async def _serve_to_the_end(server: uvicorn.Server, sockets: list[socket.socket]) -> None:
    try:
        await server.serve(sockets=sockets)
    except SystemExit as error:
        # uvicorn logs why the application could not start, and exits from inside the event loop, where the status is lost.
        raise CannotServe("the server could not start; its log says why") from error


def _config(app: Application) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=BoundedHead,
        loop="auto",
        lifespan="on",
        log_config=None,
        access_log=False,
        # uvicorn would believe any X-Forwarded-For on a Unix socket or loopback; our own reading knows the trusted proxies.
        proxy_headers=False,
        server_header=False,
        backlog=_BACKLOG,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_FINISH_SECONDS,
    )


class _QuietServer(uvicorn.Server):
    """Leaves signals to the main server beside it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


class _GracefulServer(uvicorn.Server):
    """Says "not ready" first, goes on serving for a moment, finishes what runs, and ends with status 0."""

    def __init__(self, config: uvicorn.Config, services: Services, settings: Settings) -> None:
        super().__init__(config)
        self._services = services
        self._drain_seconds = 0.0 if settings.is_loopback else _DRAIN_SECONDS
        self.listening = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Listen for stop signals; unlike uvicorn's own, do not raise them again at the end."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stop)
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Tell the log where the server listens once it does."""
        await super().startup(sockets=sockets)
        if self.started:
            addresses = [f"{s.getsockname()[0]}:{s.getsockname()[1]}" for s in sockets or []]
            self.listening.set()
            _LOG.info("listening", extra={"fields": {"addresses": addresses}})

    def _stop(self) -> None:
        if self._services.health.draining:
            self.force_exit = self.should_exit = True  # a second signal: now
            return
        self._services.health.draining = True
        _LOG.info("stopping", extra={"fields": {"drain_seconds": self._drain_seconds}})
        asyncio.get_running_loop().call_later(self._drain_seconds, self._exit)

    def _exit(self) -> None:
        self.should_exit = True


def _work(sockets: Sequence[socket.socket]) -> None:
    settings = load()
    configure(settings.log_level)
    run(_serve(settings, list(sockets)))


def _new_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:  # there is none for Windows
        return None
    return uvloop.new_event_loop


async def _as_coroutine(main: Awaitable[None]) -> None:
    await main
