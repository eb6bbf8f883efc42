"""Several worker processes over the same sockets: each a replica of its own, restarted when it dies."""

from __future__ import annotations

import logging
import multiprocessing
import signal
import socket
import threading
from collections.abc import Callable, Sequence
from multiprocessing.context import SpawnProcess
from typing import Final

_LOG: Final = logging.getLogger("auth_server")
_LOOK_SECONDS: Final = 0.5
_RESTART_SECONDS: Final = 1.0
_END_SECONDS: Final = 30

Work = Callable[[Sequence[socket.socket]], None]


def supervise(work: Work, count: int, sockets: Sequence[socket.socket]) -> None:
    """Run `work(sockets)` in `count` processes until a stop signal; then stop them all and wait.

    Processes are spawned, not forked: a forked copy of threads and database connections would be broken.
    """
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: stopped.set())
    workers = [_start(work, sockets) for _ in range(count)]
    while not stopped.wait(_LOOK_SECONDS):
        for place, worker in enumerate(workers):
            if not worker.is_alive() and not stopped.wait(_RESTART_SECONDS):
                _LOG.error("worker died", extra={"fields": {"exit_status": worker.exitcode}})
                workers[place] = _start(work, sockets)
    for worker in workers:
        worker.terminate()
    for worker in workers:
        worker.join(_END_SECONDS)


def _start(work: Work, sockets: Sequence[socket.socket]) -> SpawnProcess:
    worker = multiprocessing.get_context("spawn").Process(target=work, args=(sockets,), name="auth-server-worker")
    worker.start()
    return worker
