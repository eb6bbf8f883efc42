"""The table, for a terminal and as a document."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from benchmarks.peers.rows import LOOKS, ROWS, Found, Row

NOT_TRIED: Final = "not tried"


@dataclass
class Column:
    """One library's results, or why there are none."""

    title: str
    note: str = ""
    version: str = ""
    found: Found = field(default_factory=dict)
    missing: str = ""

    def cell(self, row: Row) -> str:
        """Return what stands in a row."""
        if self.missing:
            return "–"
        if row.key not in self.found:
            return "–" if row.key == "stall" else NOT_TRIED
        return row.said(self.found[row.key])

    @property
    def head(self) -> str:
        """Return what stands above the column."""
        return f"{self.title} {self.version}".strip()


def wrong_of(kit: Column) -> list[str]:
    """Return the rows in which the kit is not right; a row that could not be tried is not one of them."""
    return [row.what for row in ROWS if row.key in kit.found and not row.right(kit.found[row.key])]


def as_markdown(columns: list[Column], kit: Column) -> str:
    """Return the document."""
    return "\n".join((*_head(), *_table([*columns, kit]), "", *_notes(columns, kit), ""))


def as_text(columns: list[Column], kit: Column) -> str:
    """Return the table for a terminal, one block a row: the columns are too many for one line."""
    lines = []
    width = max(len(column.head) for column in (*columns, kit))
    for row in ROWS:
        lines.append(row.what)
        lines += [f"    {column.head:<{width}}  {column.cell(row).replace('*', '')}" for column in (*columns, kit)]
    return "\n".join(lines)


def _head() -> Iterator[str]:
    yield "# The kit beside other libraries"
    yield ""
    yield "Written by `python -m benchmarks.peers` (a part of `make bench`): one issuer whose keys, delay and failures can be switched,"
    yield "each library in a process of its own, used as its README says and nothing tuned, all in one run."
    yield ""


def _table(columns: list[Column]) -> Iterator[str]:
    heads = [column.head for column in columns[:-1]] + [f"**{columns[-1].head}**"]
    yield f"| Test | {' | '.join(heads)} |"
    yield "|---" * (len(columns) + 1) + "|"
    for row in ROWS:
        yield f"| {row.what} | {' | '.join(column.cell(row) for column in columns)} |"


def _notes(columns: list[Column], kit: Column) -> Iterator[str]:
    yield f"Run on {datetime.now(UTC):%Y-%m-%d}. In bold: what loses a valid token, keeps a dead key, or lets something in."
    yield ""
    yield "- *Time.* Rows with seconds, and the one after a flood, were tried with the clock of the library's process shifted by"
    yield "  libfaketime: what it reads jumps, wall clock and monotonic alike, and each token is minted for that time. Timers that run"
    yield "  already do not jump: Node's run on in real time, and the thread that refreshes the kit's keys is told to look at the clock."
    yield "  *Down* means that the issuer hangs up without an answer."
    yield "- *Removed key.* The issuer publishes another key in its place and says nothing else; told is the first look at which a fresh"
    yield f"  token under the removed key was refused (looks after {', '.join(f'{look:,}' for look in LOOKS)} s)."
    yield "- *Burned key.* The issuer's key set names it as `revoked` and its feed, which metadata name, says so at once: in real time."
    yield "- *Event loop.* The longest time in which a 2 ms tick of the same loop did not run while the first token was verified."
    yield "  –: the library makes no request then."
    for column in (*columns, kit):
        if column.note:
            yield f"- {column.title}: {column.note}."
    missing = [f"{column.title} ({column.missing})" for column in columns if column.missing]
    if missing:
        yield f"- **Not installed here:** {'; '.join(missing)}."
    wrong = wrong_of(kit)
    untried = [row.what for row in ROWS if row.key not in kit.found]
    yield f"- The kit is {'right in every row' if not wrong else 'WRONG in: ' + '; '.join(wrong)}."
    if untried:
        yield f"- Not tried, because libfaketime is not installed: {'; '.join(untried)}."
