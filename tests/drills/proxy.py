"""A TCP proxy that fails in the ways a network does: it drops, delays, stays half open, resets, trickles, corrupts."""

from __future__ import annotations

import os
import random
import socket
import struct
import threading
import time
from contextlib import suppress
from typing import Final
from urllib.parse import urlsplit

PASS: Final = "pass"
# Nothing comes through; the answer never comes; the connection breaks; a byte a second; noise in the answer; late, within the bound.
FAULTS: Final = ("drop", "half-open", "reset", "1 B/s", "corrupt", "delay")
DELAY_SECONDS: Final = 1.5
_TICK: Final = 0.05


class Proxy:
    """Listens on a port of its own and passes everything on to one server, as the present `mode` has it."""

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        self._upstream = (str(address.hostname), int(address.port or 80))
        self.mode = PASS
        self.connections = 0
        self._ends = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self) -> None:
        """Stop listening; connections that hang are let go."""
        self._ends.set()
        self._listener.close()

    def _accept(self) -> None:
        while not self._ends.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(client, self.mode), daemon=True).start()

    def _serve(self, client: socket.socket, mode: str) -> None:
        with client, suppress(OSError):
            if mode == "reset":
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return
            if mode == "drop":
                self._hang(client)
                return
            with socket.create_connection(self._upstream, 5) as upstream:
                upstream.settimeout(10)
                client.settimeout(10)
                if mode == "delay":
                    time.sleep(DELAY_SECONDS)
                upstream.sendall(_request(client))
                if mode == "half-open":
                    self._hang(client)
                    return
                self._answer(client, upstream, mode)

    def _answer(self, client: socket.socket, upstream: socket.socket, mode: str) -> None:
        while chunk := upstream.recv(65536):
            if mode == "corrupt":
                chunk = _spoiled(chunk)
            if mode != "1 B/s":
                client.sendall(chunk)
                continue
            for place in range(len(chunk)):
                client.sendall(chunk[place : place + 1])
                if self._ends.wait(1):
                    return

    def _hang(self, client: socket.socket) -> None:
        """Keep the connection open and silent until its other end gives it up."""
        client.settimeout(_TICK)
        while not self._ends.is_set():
            try:
                if not client.recv(65536):
                    return
            except TimeoutError:
                continue


def _request(client: socket.socket) -> bytes:
    request = b""
    while b"\r\n\r\n" not in request:
        chunk = client.recv(65536)
        if not chunk:
            raise ConnectionError("hung up")
        request += chunk
    return request


def _spoiled(chunk: bytes) -> bytes:
    """Overwrite runs of bytes with what is no text, the first of them too: over TLS any changed byte ends the exchange, here these do."""
    spoiled = bytearray(chunk)
    spoiled[:2] = b"\xff\xfe"
    for _ in range(1 + len(chunk) // 200):
        place = random.randrange(len(chunk))
        spoiled[place : place + 4] = b"\xff" + os.urandom(3)
    return bytes(spoiled[: len(chunk)])
