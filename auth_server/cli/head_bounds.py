"""Bounds on the head of a request: bytes, headers, time. The HTTP server itself has none of them.

Without these, a client that sends one header byte a minute holds a connection for ever, and one that sends megabytes of headers fills
the memory, before any door of ours sees a request.
"""

from __future__ import annotations

import asyncio
from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from auth_server.cli.one_write import OneWrite
from auth_server.web.request import BODY_IS_WHOLE

MAX_HEAD_BYTES: Final = 16 * 1024
MAX_HEADERS: Final = 64
HEAD_SECONDS: Final = 5.0
_TOO_LARGE: Final = b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


class BoundedHead(HttpToolsProtocol):
    """uvicorn's protocol, with bounds on each head. Keep-alive between requests has its own, shorter time."""

    _in_head = True
    _head_bytes = 0
    _read_bytes = 0
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn declares it
        """Give the first head its time."""
        super().connection_made(OneWrite(transport))
        self._start_deadline()

    def data_received(self, data: bytes) -> None:
        """Count what arrives while a head is open."""
        counted = self._in_head
        self._read_bytes = len(data)
        super().data_received(data)
        # A whole head in one read is bounded by that read, 64 KiB.
        if not self._in_head:
            return
        # Most heads come whole in one read; only one that is still open needs a timer.
        if self._deadline is None:
            self._start_deadline()
        if counted:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                self._refuse()

    def on_message_begin(self) -> None:
        """A head begins."""
        super().on_message_begin()
        if not self._in_head:
            self._in_head, self._head_bytes = True, 0

    def on_headers_complete(self) -> None:
        """The head is whole."""
        self._forget_deadline()
        self._in_head = False
        if len(self.headers) > MAX_HEADERS or self._is_too_large():
            self._refuse()
            return
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The body is whole."""
        self.scope[BODY_IS_WHOLE] = True  # type: ignore[typeddict-unknown-key]  # ASGI lets a server add its own
        super().on_message_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody waits any more."""
        self._forget_deadline()
        super().connection_lost(exc)

    def _is_too_large(self) -> bool:
        # No head is larger than what was read since the one before it; most are known to fit by that alone.
        if self._head_bytes + self._read_bytes <= MAX_HEAD_BYTES:
            return False
        return sum(len(name) + len(value) for name, value in self.headers) > MAX_HEAD_BYTES

    def _refuse(self) -> None:
        if not self.transport.is_closing():
            self.transport.write(_TOO_LARGE)
            self.transport.close()

    def _start_deadline(self) -> None:
        self._forget_deadline()
        self._deadline = asyncio.get_running_loop().call_later(HEAD_SECONDS, self.transport.close)

    def _forget_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
