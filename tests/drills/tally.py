"""The one line a drill prints, and the file in which its oracle keeps each acknowledged answer."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Tally:
    """What a drill counted.

    Attributes:
        offered: questions asked. served: those answered as they must be (a refusal of what must be refused is one).
        faults: what the drill did to the system. lost: acknowledged effects that were gone later.
        notes: figures that belong to this drill alone; a bound that did not hold is in `broken`.
    """

    name: str
    offered: int = 0
    served: int = 0
    faults: int = 0
    lost: int = 0
    wrongly_rejected: int = 0
    wrongly_accepted: int = 0
    notes: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether nothing went wrong."""
        return not (self.lost or self.wrongly_rejected or self.wrongly_accepted or self.broken)

    def line(self) -> str:
        """Return the line."""
        figures = (
            f"offered {self.offered:,}, served {self.served:,}, faults {self.faults:,}, lost {self.lost}, "
            f"wrongly rejected {self.wrongly_rejected}, wrongly accepted {self.wrongly_accepted}"
        )
        rest = "; ".join([*self.notes, *(f"BROKEN: {sentence}" for sentence in self.broken)])
        return f"{self.name:<4} {'ok  ' if self.holds else 'FAIL'} {figures}{'; ' if rest else ''}{rest}"


class Journal:
    """An append-only file: an entry is on its way to the disk before the drill goes on."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.open("ab", buffering=0)

    def add(self, **entry: Any) -> None:
        """Append one entry as a line; several processes may append to one file."""
        os.write(self._file.fileno(), json.dumps(entry, separators=(",", ":")).encode() + b"\n")

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def entries(path: Path) -> list[dict[str, Any]]:
    """Return the whole entries of a journal."""
    return [json.loads(line) for line in path.read_bytes().split(b"\n")[:-1]]
