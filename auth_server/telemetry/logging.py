"""Structured logs: one JSON object a line on standard output, redacted, with the request's id on every line of a request."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
import time
import traceback
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Final, TextIO

from shared import log_line

REQUEST_ID: Final[ContextVar[str | None]] = ContextVar("request_id", default=None)
_FRAMES: Final = 6
_HELD_SECONDS: Final = 0.05
_HELD_LINES: Final = 256
_ACCESS: Final = logging.getLogger("auth_server.access")
# What any formatter may ask of a record; no line of ours shows the caller's place, the thread, the task or the process.
_NOWHERE: Final = logging.LogRecord(_ACCESS.name, logging.INFO, __file__, 0, "request", None, None).__dict__


class RequestRecord(logging.LogRecord):
    """The record of one request. An ordinary one looks for what is not shown, which costs more than the rest of the line."""

    def __init__(self, fields: Mapping[str, object]) -> None:
        now = time.time()
        self.__dict__ = {**_NOWHERE, "created": now, "msecs": now % 1 * 1000, "fields": fields}


def tell_request(fields: Mapping[str, object]) -> None:
    """Log one request; to be called on the event loop that served it.

    Args:
        fields: `request_id` among them, for the line is spelt when the next request may be under way.
    """
    if _ACCESS.isEnabledFor(logging.INFO):
        _ACCESS.handle(RequestRecord(fields))


class JsonFormatter(logging.Formatter):
    """Renders a record as one line. Fields come as `extra={"fields": {...}}`; a message is a fixed text, never built from input."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        fields: dict[str, object] = {"logger": record.name, "request_id": REQUEST_ID.get()}
        fields |= getattr(record, "fields", {})
        if record.exc_info and record.exc_info[1] is not None:
            fields |= _cause(record.exc_info[1])
        return log_line.format_line(record.created, record.levelname.lower(), record.getMessage(), fields)


class LineHandler(logging.Handler):
    """Writes lines in their order: those of requests together, within 50 ms; any other one at once, with what is held before it.

    A write to a file costs as much as a third of a signature, and lines spelt together half as much as each between two requests. What
    must not be lost is in the audit log, not here.
    """

    def __init__(self, stream: TextIO, held_seconds: float = _HELD_SECONDS) -> None:
        super().__init__()
        self._stream = stream
        self._held_seconds = held_seconds
        self._held: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Write the line, or hold its record for a moment."""
        self._held.append(record)
        if not isinstance(record, RequestRecord):
            self.flush()
        elif len(self._held) == 1:
            asyncio.get_running_loop().call_later(self._held_seconds, self.flush)
        elif len(self._held) >= _HELD_LINES:
            self.flush()

    def flush(self) -> None:
        """Write what is held."""
        self.acquire()
        try:
            held, self._held = self._held, []
            text = "".join([f"{self.format(record)}\n" for record in held])
            # Whoever read the log may be gone, or the disk full: people must be able to sign in all the same.
            with contextlib.suppress(OSError, ValueError):
                self._stream.write(text)
                self._stream.flush()
        finally:
            self.release()


def _cause(error: BaseException) -> dict[str, object]:
    # The text of an exception may hold what a stranger sent, or a database URL: the log gets its kind and where it came from.
    frames = traceback.extract_tb(error.__traceback__)[-_FRAMES:]
    where = [f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno} {frame.name}" for frame in frames]
    return {"exception": type(error).__name__, "where": where}


def configure(level: str) -> None:
    """Send every record of this process to standard output, in our form."""
    handler = LineHandler(sys.stdout)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # uvicorn says what we say already, in its own form; Alembic lists its plugins at every migration.
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "alembic.runtime.plugins"):
        logger = logging.getLogger(name)
        logger.handlers[:] = []
        logger.propagate = True
        logger.setLevel(logging.WARNING)
