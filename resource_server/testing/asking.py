"""Two questions that tests of refusals ask all the time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from resource_server.guard import Guard
from resource_server.verifier.errors import TokenRefused

_PAUSE_SECONDS: Final = 0.02


def reason_of(guard: Guard, token: str | bytes) -> str | None:
    """Return why the guard refuses a token; None if it takes it."""
    try:
        guard.verify(token)
    except TokenRefused as refusal:
        return refusal.reason
    return None


def eventually(check: Callable[[], bool], seconds: float = 10.0) -> bool:
    """Ask again until it is true, or the time is over; what happens in the background takes a moment."""
    deadline = time.monotonic() + seconds
    while not (held := check()) and time.monotonic() < deadline:
        time.sleep(_PAUSE_SECONDS)
    return held
