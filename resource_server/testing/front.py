"""The listener in front of an issuer for tests, where its faults are: it stalls, goes dark, answers rubbish, comes back.

Standard library only, one thread a connection: whoever is tested sees a real socket.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

from resource_server.testing.contract import Headers

Answer = tuple[int, Headers, bytes]
Answering = Callable[[str, str, Headers, bytes], Answer]

RUBBISH: Final = b"<html><title>502 Bad Gateway</title></html>"
_LOOPBACK: Final = "127.0.0.1"


class Front(ThreadingHTTPServer):
    """Listens on a free port of this machine from construction to `close`. Faults stay until `come_back`."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__((_LOOPBACK, 0), _Handler)
        self.url: Final = f"http://{_LOOPBACK}:{self.server_port}"
        self.asked: list[str] = []
        self.answering: Answering | None = None
        self._dark = False
        self._rubbish: tuple[int, bytes] | None = None
        self._moving = threading.Event()
        self._moving.set()
        self._thread = threading.Thread(
            target=self.serve_forever, kwargs={"poll_interval": 0.02}, name="test-issuer", daemon=True
        )
        self._thread.start()

    def stall(self) -> None:
        """Take connections and requests, and answer nothing until `come_back`."""
        self._moving.clear()

    def go_dark(self) -> None:
        """Close every connection without a word."""
        self._dark = True
        self._moving.set()

    def answer_rubbish(self, body: bytes, status: int) -> None:
        """Answer everything with this."""
        self._rubbish = (status, body)

    def come_back(self) -> None:
        """Be well again."""
        self._dark, self._rubbish = False, None
        self._moving.set()

    def close(self) -> None:
        """Stop listening."""
        self.come_back()
        self.shutdown()
        self.server_close()
        self._thread.join(5)

    def verify_request(self, request: socket.socket | tuple[bytes, socket.socket], client_address: object) -> bool:
        """Say whether to take a connection."""
        return not self._dark

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: clients that hang up early are what faults are about."""

    def serve(self, method: str, target: str, headers: Headers, body: bytes) -> Answer | None:
        """Return the answer to a request; None for a connection that ends without one."""
        self.asked.append(f"{method} {target}")
        self._moving.wait()
        if self._dark or self.answering is None:
            return None
        if self._rubbish is not None:
            status, rubbish = self._rubbish
            return status, (("content-type", "text/html"),), rubbish
        return self.answering(method, target, headers, body)


class _Handler(BaseHTTPRequestHandler):
    server: Front
    protocol_version = "HTTP/1.1"

    def _serve(self) -> None:
        self.close_connection = True
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length) if length else b""
        answer = self.server.serve(self.command, self.path, list(self.headers.items()), body)
        if answer is None:
            return
        status, headers, content = answer
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in {"content-length", "connection", "transfer-encoding"}:
                self.send_header(name, value)
        if not any(name.lower() == "date" for name, _ in headers):
            self.send_header("Date", self.date_time_string())
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def __getattr__(self, name: str) -> Callable[[], None]:
        # The base class looks for a method named after the request's.
        if name.startswith("do_"):
            return self._serve
        raise AttributeError(name)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class's own name
        """Say nothing."""
