"""Clients that send heads slowly, endlessly or in masses are cut off, and nobody else notices."""

from __future__ import annotations

import socket
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest

from docs.demo.story import call
from tests.flows.pair import Pair


def connect(pair: Pair) -> socket.socket:
    return socket.create_connection(("127.0.0.1", int(urlsplit(pair.issuer).port or 0)), timeout=10)


@pytest.mark.parametrize(
    "head",
    [
        b"GET /livez HTTP/1.1\r\nhost: x\r\n" + b"".join(b"x-%d: 1\r\n" % number for number in range(100)) + b"\r\n",
        b"GET /livez HTTP/1.1\r\nhost: x\r\nx: " + b"a" * 30_000 + b"\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nhost: x\r\nx: " + b"a" * 300_000,
    ],
    ids=["a hundred headers", "a large header", "an endless header"],
)
def test_a_head_over_its_bounds_is_refused(pair: Pair, head: bytes) -> None:
    with connect(pair) as connection:
        connection.sendall(head)

        assert connection.recv(200).startswith(b"HTTP/1.1 431 ")
    assert call("GET", f"{pair.issuer}/livez").status == 200


def test_a_head_that_never_ends_is_cut_off(pair: Pair) -> None:
    with connect(pair) as connection:
        connection.sendall(b"GET /livez HTTP/1.1\r\nhost: x\r\nx-slow: ")

        # Nothing is sent any more: the server gives up, within its five seconds, and closes without an answer.
        assert connection.recv(200) == b""


def test_two_requests_on_one_connection_are_both_answered(pair: Pair) -> None:
    connection = HTTPConnection("127.0.0.1", int(urlsplit(pair.issuer).port or 0), timeout=10)
    for _ in range(2):
        connection.request("GET", "/livez")
        answer = connection.getresponse()
        assert answer.status == 200
        assert answer.read() == b'{"status":"ok"}'
    connection.close()
