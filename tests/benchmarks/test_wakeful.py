"""The load that never sleeps: it counts whole answers, and takes nothing else for one."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress

import pytest

from benchmarks import wakeful
from benchmarks.load import Load, LoadFailed, get
from benchmarks.wakeful import Turns

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n"


@contextmanager
def a_server(*parts: bytes, seen: list[bytes] | None = None) -> Iterator[str]:
    """Answer every request with these parts, each sent by itself; none closes the connection at once."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        threading.Thread(target=_serve, args=(listening, parts, [] if seen is None else seen), daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def _serve(listening: socket.socket, parts: tuple[bytes, ...], seen: list[bytes]) -> None:
    while True:
        try:
            connection, _ = listening.accept()
        except OSError:
            return
        threading.Thread(target=_answer, args=(connection, parts, seen), daemon=True).start()


def _answer(connection: socket.socket, parts: tuple[bytes, ...], seen: list[bytes]) -> None:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with connection, suppress(ConnectionError):
        while request := connection.recv(4096):
            seen.append(request)
            if not parts:
                return
            for part in parts:
                connection.sendall(part)


def turns_at(url: str, *, connections: int = 2) -> Turns:
    return Turns(Load(url, [get(url, "/one"), get(url, "/two")], connections))


def test_answers_are_counted_whole_and_requests_go_on_where_they_were() -> None:
    seen: list[bytes] = []
    with a_server(HEAD, b"bo", b"dy", seen=seen) as url:
        turns = turns_at(url, connections=1)
        counts = [turns.microseconds(os.getpid(), 0.05)[1] for _ in range(2)]

    assert sum(counts) == len(seen) > 2
    paths = [request.split(b" ")[1] for request in seen]
    assert paths == [b"/one" if number % 2 == 0 else b"/two" for number in range(len(paths))]


@pytest.mark.parametrize("parts", [(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n",), ()], ids=["refused", "closed"])
def test_what_is_no_answer_ends_the_measurement(parts: tuple[bytes, ...]) -> None:
    with a_server(*parts) as url, pytest.raises(LoadFailed):
        turns_at(url).microseconds(os.getpid(), 0.05)


def test_a_request_without_an_answer_ends_the_measurement(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wakeful, "_PATIENCE", 0.2)
    with a_server(HEAD) as url, pytest.raises(LoadFailed, match="2 requests were not answered"):
        turns_at(url).microseconds(os.getpid(), 0.05)


def test_nobody_there_ends_the_measurement() -> None:
    with pytest.raises(LoadFailed):
        turns_at("http://127.0.0.1:1").microseconds(os.getpid(), 0.05)
