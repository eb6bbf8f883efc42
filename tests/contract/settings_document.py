"""Write the tables of `docs/configuration.md` from the settings tables of both servers: `python -m tests.contract.settings_document`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from auth_server import settings as auth_server
from resource_server import settings as resource_server
from shared.settings import Setting, masked

DOCUMENT: Final = Path(__file__).parents[2] / "docs" / "configuration.md"
_TABLES: Final = {
    "auth-server": (auth_server.PREFIX, auth_server.TABLE),
    "resource-server": (resource_server.PREFIX, resource_server.TABLE),
}
_MARKED: Final = re.compile(r"(<!-- settings: (?P<name>[a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def written(text: str) -> str:
    """Return the document with every marked table made anew."""
    return _MARKED.sub(lambda found: f"{found[1]}\n{_table(*_TABLES[found['name']])}\n\n{found[3]}", text)


def marked(text: str) -> list[str]:
    """Return the names of the tables that a document holds."""
    return [found["name"] for found in _MARKED.finditer(text)]


def _table(prefix: str, rows: Sequence[Setting]) -> str:
    lines = ["| name | default | meaning |", "| --- | --- | --- |"]
    for row in rows:
        twin = f" or `{prefix}{row.name}_FILE`" if row.secret else ""
        lines.append(f"| `{prefix}{row.name}`{twin} | {_default(row)} | {row.meaning} |")
    return "\n".join(lines)


def _default(row: Setting) -> str:
    if row.default is None:
        return row.default_text or "none"
    shown = masked(row, row.default)
    return f"`{shown}`" if shown else "none"


if __name__ == "__main__":
    DOCUMENT.write_text(written(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
