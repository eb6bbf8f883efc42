"""A load that never sleeps: it looks for answers without end, so that no answer of a server has to wake it.

To wake a load that sleeps on another core is an interrupt, the dearer the more of a virtual machine there is between the two, and the
server pays for it. A quick server meets a load that is still busy and hardly ever pays, a slower one pays for each answer: what is between
the two in their own code then looks twice as large. Made by the process that measures, so a turn may be as short as is wanted.
"""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle
from typing import Final
from urllib.parse import urlsplit

from benchmarks import machine
from benchmarks.client import find_answer
from benchmarks.load import Load, LoadFailed

_MOST_BYTES: Final = 65_536
# A server may be busy for a while, with the first token for instance; one that says nothing for longer has lost a request.
_PATIENCE: Final = 10.0
_SETTLING: Final = 0.01


class Turns:
    """Turns of one load: each goes on with the request after the one before."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._requests = cycle([request.encode("ascii") for request in load.requests])

    def microseconds(self, pid: int, seconds: float) -> tuple[float, int]:
        """Ask for so long; return what the server `pid` needed for an answer, in processor time, and how many there were.

        Raises:
            LoadFailed: an answer was no 200, or a request got none.
        """
        with self._connected() as connections:
            before = machine.cpu_seconds(pid)
            answered = self._turn(connections, seconds)
            return (machine.cpu_seconds(pid) - before) / answered * 1e6, answered

    @contextmanager
    def _connected(self) -> Iterator[dict[int, socket.socket]]:
        """Connect anew for each turn: between two of them a server closes what is idle."""
        address, made = urlsplit(self._load.url), []
        try:
            for _ in range(self._load.connections):
                made.append(socket.create_connection((address.hostname or "", address.port or 80), timeout=_PATIENCE))
                made[-1].setblocking(False)
                made[-1].setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            time.sleep(_SETTLING)  # until the server has accepted them: that is no part of an answer
            yield {connection.fileno(): connection for connection in made}
        except OSError as error:
            raise LoadFailed(f"{self._load.url}: {error}") from error
        finally:
            for connection in made:
                connection.close()

    def _turn(self, connections: dict[int, socket.socket], seconds: float) -> int:
        received = dict.fromkeys(connections, b"")
        answered, waiting, requests = 0, len(connections), self._requests
        with select.epoll() as ready:
            for number, connection in connections.items():
                ready.register(number, select.EPOLLIN)
                connection.send(next(requests))
            ends_at = time.monotonic() + seconds
            while waiting:
                now = time.monotonic()
                if now > ends_at + _PATIENCE:
                    raise LoadFailed(f"{waiting} requests were not answered")
                for number, _event in ready.poll(0):
                    received[number] += _some_of(connections[number])
                    if not _is_whole(received[number]):
                        continue
                    received[number] = b""
                    answered += 1
                    if now < ends_at:
                        connections[number].send(next(requests))
                    else:
                        waiting -= 1
        return answered


def _some_of(connection: socket.socket) -> bytes:
    some = connection.recv(_MOST_BYTES)
    if not some:
        raise LoadFailed("the server closed a connection")
    return some


def _is_whole(received: bytes) -> bool:
    answer = find_answer(received)
    if answer is not None and not answer[0].startswith(b"HTTP/1.1 200"):
        raise LoadFailed(answer[0].splitlines()[0].decode("latin-1"))
    return answer is not None
