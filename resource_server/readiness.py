"""Can a guard decide, and why not."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether the guard can decide, and why not. `warnings` do not stand in the way. True and false like `ready`.

    May be awaited, and is itself: so `await guard.warm()` in a lifespan does what it says. It holds the event loop meanwhile, which matters
    to nobody before the first request; `await guard.awarm()` does not.
    """

    ready: bool
    reasons: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return self.ready

    def __await__(self) -> Generator[None, None, Readiness]:
        yield from ()
        return self
