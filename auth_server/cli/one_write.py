"""One write for one answer, and the answers of a turn of the loop one behind the other.

The HTTP server writes head and body apart. On a socket that has nothing to send, each goes out at once: two system calls, two packets,
and a client that is woken twice. Together they cost a tenth of a signature more than one. Whoever is woken by the first answer of a turn
is awake for the others, which saves as much again where a gateway in front holds many connections.
"""

from __future__ import annotations

import asyncio
from typing import Any


class OneWrite(asyncio.Transport):
    """A transport that holds what is written until this turn of the loop ends."""

    def __init__(self, transport: asyncio.Transport) -> None:
        super().__init__()
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._held: list[bytes] = []
        # Asked for several times a request: handed on as they are.
        self.is_closing = transport.is_closing  # type: ignore[method-assign]
        self.get_extra_info = transport.get_extra_info  # type: ignore[method-assign]
        self.pause_reading = transport.pause_reading  # type: ignore[method-assign]
        self.resume_reading = transport.resume_reading  # type: ignore[method-assign]

    def write(self, data: Any) -> None:
        """Hold `data`. An answer that is streamed goes out turn by turn."""
        if not self._held:
            self._loop.call_soon(self._flush)
        self._held.append(data)

    def _flush(self) -> None:
        if self._held:
            held, self._held = self._held, []
            self._transport.write(b"".join(held))

    def close(self) -> None:
        """Write what is held, then close."""
        self._flush()
        self._transport.close()

    def abort(self) -> None:
        """Close at once; what is held is lost."""
        self._held = []
        self._transport.abort()

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Hand the connection to another protocol."""
        self._flush()
        self._transport.set_protocol(protocol)
