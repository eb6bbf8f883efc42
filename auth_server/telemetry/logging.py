"""Structured logs: one JSON object a line on standard output, redacted, with the request's id on every line of a request."""

from __future__ import annotations

import logging
import sys
import traceback
from contextvars import ContextVar
from typing import Final

from shared import log_line

REQUEST_ID: Final[ContextVar[str | None]] = ContextVar("request_id", default=None)
_FRAMES: Final = 6


class JsonFormatter(logging.Formatter):
    """Renders a record as one line. Fields come as `extra={"fields": {...}}`; a message is a fixed text, never built from input."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        fields: dict[str, object] = {"logger": record.name, "request_id": REQUEST_ID.get()}
        fields |= getattr(record, "fields", {})
        if record.exc_info and record.exc_info[1] is not None:
            fields |= _cause(record.exc_info[1])
        return log_line.format_line(record.created, record.levelname.lower(), record.getMessage(), fields)


def _cause(error: BaseException) -> dict[str, object]:
    # The text of an exception may hold what a stranger sent, or a database URL: the log gets its kind and where it came from.
    frames = traceback.extract_tb(error.__traceback__)[-_FRAMES:]
    where = [f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno} {frame.name}" for frame in frames]
    return {"exception": type(error).__name__, "where": where}


def configure(level: str) -> None:
    """Send every record of this process to standard output, in our form."""
    handler = logging.StreamHandler(sys.stdout)
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
