"""How long a job waits before it tries again what did not arrive."""

from __future__ import annotations

from typing import Final

_LONGEST_MS: Final = 3_600_000


def doubled(first_ms: int, attempts: int) -> int:
    """Return how long to wait, in milliseconds, where `attempts` were made before this one: doubled each time, an hour at most."""
    return min(first_ms << min(attempts, 16), _LONGEST_MS)
