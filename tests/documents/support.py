"""The support chart, `docs/support.md`: each row of `support.toml` is a standard's part, its state, and the tests that show it.

`python -m tests.documents.support` writes it anew. A row without a test cannot say yes; what the metadata document lists and no row names
fails the test beside this file.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

TESTS: Final = Path(__file__).parents[1]
CHART: Final = TESTS.parent / "docs" / "support.md"
STATES: Final = ("yes", "yes, off by default", "no")
_BEGIN, _END = "<!-- written by python -m tests.documents.support -->", "<!-- end -->"


@dataclass(frozen=True, slots=True)
class Row:
    """A part of a standard.

    Attributes:
        parts: parameters or features; those in code spans are words of the wire.
        shown_by: `file::test` below `tests/`; for what is not there, the test that shows the refusal.
        says: members of the metadata document that belong to it.
    """

    standard: str
    parts: str
    state: str
    shown_by: tuple[str, ...]
    says: tuple[str, ...] = ()


def _rows() -> tuple[Row, ...]:
    document = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
    return tuple(
        Row(row["standard"], row["parts"], row["state"], tuple(row["shown_by"]), tuple(row.get("says", ())))
        for row in document["row"]
    )


ROWS: Final = _rows()


def is_there(shown_by: str) -> bool:
    """Say whether a named test exists; `*` stands for all tests of a file."""
    file, _, name = shown_by.partition("::")
    path = TESTS / file
    if not path.exists():
        return False
    wanted = r"test_\w+" if name == "*" else re.escape(name)
    return re.search(rf"^(?:async )?def {wanted}\(", path.read_text(encoding="utf-8"), re.MULTILINE) is not None


def chart() -> str:
    """Return the table."""
    lines = ["| standard | what | state | shown by |", "| --- | --- | --- | --- |"]
    lines += [f"| {row.standard} | {row.parts} | {row.state} | {_proofs(row)} |" for row in ROWS]
    return "\n".join(lines)


def _proofs(row: Row) -> str:
    return "<br>".join(f"[`{named.partition('::')[2]}`](../tests/{named.partition('::')[0]})" for named in row.shown_by)


def written(text: str) -> str:
    """Return the page with the table as it is now."""
    before, _, rest = text.partition(_BEGIN)
    return f"{before}{_BEGIN}\n\n{chart()}\n\n{_END}{rest.partition(_END)[2]}"


if __name__ == "__main__":
    CHART.write_text(written(CHART.read_text(encoding="utf-8")), encoding="utf-8")
