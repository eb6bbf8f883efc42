"""A way to an issuer that can be cut at any moment: what is open breaks, and nothing new comes through for a while."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from urllib.parse import urlsplit

_BYTES = 65_536


class Wire:
    """Listens on a port of its own and passes everything on to one server, until it is cut."""

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        self._upstream = (str(address.hostname), int(address.port or 80))
        self._closed_until = 0.0
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self, seconds: float) -> None:
        """Break every connection, and let none through for so long."""
        self._closed_until = time.monotonic() + seconds
        for each in list(self._open):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            client, _ = self._listener.accept()
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, suppress(OSError):
            if time.monotonic() < self._closed_until:
                return
            with socket.create_connection(self._upstream, 5) as upstream:
                self._open |= {client, upstream}
                try:
                    threading.Thread(target=_pass_on, args=(client, upstream), daemon=True).start()
                    _pass_on(upstream, client)
                finally:
                    self._open -= {client, upstream}
                    # Closing alone would not end a connection that the other thread still reads from.
                    for each in (client, upstream):
                        with suppress(OSError):
                            each.shutdown(socket.SHUT_RDWR)


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while chunk := source.recv(_BYTES):
            target.sendall(chunk)
