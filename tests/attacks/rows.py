"""Which tests there are for the rows of the two lists of attacks: cases by part and number, incidents elsewhere by number.

A test says which row it is by its name: `test_r01_...` for case R01, `test_cve_01_...` for incident 1.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent
_CASE: Final = re.compile(r"test_([a-z])(\d\d)_")
_INCIDENT: Final = re.compile(r"test_cve_(\d\d)_")


@cache
def named() -> Mapping[str, list[str]]:
    """Return the tests of this folder by row: "R01" or "1"."""
    found: dict[str, list[str]] = defaultdict(list)
    for name in _tests():
        if case := _CASE.match(name):
            found[f"{case[1].upper()}{case[2]}"].append(name)
        elif incident := _INCIDENT.match(name):
            found[str(int(incident[1]))].append(name)
    return found


def _tests() -> Iterator[str]:
    for path in sorted(FOLDER.glob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                yield node.name
