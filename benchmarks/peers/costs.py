"""What is compared, and what it cost: the values that measuring fills in and the report tells of."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from statistics import median
from typing import Final

# A kind of server, and the open one that it is held against.
STACKS: Final = (
    ("starlette+digest", "starlette"),
    ("starlette+rsa", "starlette"),
    ("starlette+kit", "starlette"),
    ("starlette+kit-uncached", "starlette"),
    ("starlette+pyjwt", "starlette"),
    ("fastapi+kit", "fastapi"),
    ("fastapi+pyjwt", "fastapi"),
    ("http+jose", "http"),
    ("http+aws-jwt-verify", "http"),
    ("http+fast-jwt", "http"),
    ("http+fast-jwt-cached", "http"),
    ("express+express-oauth2-jwt-bearer", "express"),
)


@dataclass
class Results:
    """Processor time in microseconds, by what was measured; why something was not; how busy others kept the machine."""

    cpu: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    missing: dict[str, str] = field(default_factory=dict)
    others: list[float] = field(default_factory=list)

    def of(self, name: str) -> float | None:
        """Return the median of what was measured."""
        return median(self.cpu[name]) if self.cpu.get(name) else None

    def ratio(self, above: str, below: str) -> float | None:
        """Return one in terms of another: the median of the rounds, or where they were not taken by rounds, of one median and another."""
        if len(self.cpu.get(above, ())) == len(self.cpu.get(below, ())) > 0:
            return median(one / other for one, other in zip(self.cpu[above], self.cpu[below], strict=True))
        first, second = self.of(above), self.of(below)
        return first / second if first and second else None
