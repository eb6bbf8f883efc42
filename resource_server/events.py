"""What a guard tells its operator, unless it is given something else to tell it to."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Final

_log: Final = logging.getLogger("resource_server")
_LEVELS: Final = {"info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def log_event(level: str, event: str, fields: Mapping[str, object]) -> None:
    """Write an event to the logger `resource_server`; what a guard does if it is not told otherwise."""
    _log.log(_LEVELS[level], "%s %s", event, " ".join(f"{name}={value!r}" for name, value in fields.items() if value is not None))
