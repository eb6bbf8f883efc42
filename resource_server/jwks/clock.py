"""The clock on which ages are counted: it never goes back and, where the system has such a one, goes on while the machine sleeps."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Final

_CLOCK: Final[int | None] = getattr(time, "CLOCK_BOOTTIME", None)

# Seconds. A partial of a built-in, because every verification asks.
boot_seconds: Final[Callable[[], float]] = time.monotonic if _CLOCK is None else partial(time.clock_gettime, _CLOCK)
