"""Plain text for a terminal: aligned columns, and times in words. Pure; whatever came from outside is neutralised."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

from shared.log_line import neutralise

# The largest unit of which there are at least two: "47 hours" says more than "1 day".
_UNITS: Final = (("days", 86_400), ("hours", 3_600), ("minutes", 60), ("seconds", 1))


def table(headings: Sequence[str], rows: Iterable[Sequence[str]], *, empty: str = "none") -> str:
    """Return rows under their headings in columns; `empty` when there is no row."""
    cells = [[neutralise(cell) for cell in row] for row in rows]
    if not cells:
        return empty
    lines = [list(headings), *cells]
    widths = [max(len(line[column]) for line in lines) for column in range(len(headings))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines)


def fields(rows: Sequence[tuple[str, str]]) -> str:
    """Return `name  value` lines in two columns; a row without a value is left out."""
    told = [(name, neutralise(value)) for name, value in rows if value]
    width = max((len(name) for name, _ in told), default=0)
    return "\n".join(f"{name.ljust(width)}  {value}" for name, value in told)


def stamp(at_ms: int) -> str:
    """Return a time as `2027-01-15 08:00:00Z`."""
    return datetime.fromtimestamp(at_ms // 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def timestamp(at_ms: int | None) -> str | None:
    """Return a time for JSON, RFC 3339 with milliseconds; None stays None."""
    if at_ms is None:
        return None
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def duration(seconds: float) -> str:
    """Return a length of time in the words of one unit, such as `29 days`."""
    whole = round(abs(seconds))
    name, size = next(((name, size) for name, size in _UNITS if whole >= 2 * size), _UNITS[-1])
    count = round(whole / size)
    return f"{count} {name if count != 1 else name[:-1]}"


def relative(at_ms: int, now_ms: int) -> str:
    """Return when something is or was, seen from now: `in 29 days`, `3 minutes ago`, `now`."""
    seconds = (at_ms - now_ms) / 1000
    if abs(seconds) < 1:
        return "now"
    return f"in {duration(seconds)}" if seconds > 0 else f"{duration(seconds)} ago"


def when(at_ms: int, now_ms: int) -> str:
    """Return a time both ways."""
    return f"{stamp(at_ms)} ({relative(at_ms, now_ms)})"
