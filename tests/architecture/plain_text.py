"""What no committed file may hold, and how long files and functions may be."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path
from typing import Final

MOST_LINES_OF_A_FILE: Final = 400
MOST_LINES_OF_A_FUNCTION: Final = 50

# Put together from halves, so that this file does not hold what it looks for.
FORBIDDEN: Final = {
    "a path of one machine": re.compile(
        "|".join((r"(?<![\w.])/wor" + "k/", "/tm" + r"p/\w/", r"(?<!\w)/roo" + "t/", r"/hom" + r"e/\w+/"))
    ),
    "a package index": re.compile(
        "|".join((r"https?://[^\s\"']+/simp" + r"le\b", "--(extra-)?index" + "-url", "--find" + "-links"))
    ),
    "a document outsiders cannot see": re.compile(r"(\.\./|/)shared/desi" + "gn"),
}
# A migration is one long list of columns, written once; a test may tell a long story.
UNBOUNDED_FUNCTIONS: Final = ("tests/", "auth_server/migrations/versions/")
SKIPPED_FOLDERS: Final = frozenset(
    {".git", ".venv", "__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".hypothesis", "data"}
)


def tracked_files(root: Path) -> list[Path]:
    """Return the files that are in the repository or would be by `git add .`; without git, all that are no tool's leavings."""
    listed = subprocess.run(
        ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"], capture_output=True, check=False
    )
    if listed.returncode == 0:
        names = [root / name for name in listed.stdout.decode().split("\0") if name]
        return sorted({name for name in names if name.is_file()})
    return sorted(file for file in root.rglob("*") if file.is_file() and not SKIPPED_FOLDERS & set(file.relative_to(root).parts))


def forbidden_words(root: Path) -> list[str]:
    """Return `path:line: what` for each line that holds something forbidden."""
    found: list[str] = []
    for file in tracked_files(root):
        try:
            lines = file.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError:
            continue
        path = file.relative_to(root).as_posix()
        found += [
            f"{path}:{number}: {what}"
            for number, line in enumerate(lines, start=1)
            for what, pattern in FORBIDDEN.items()
            if pattern.search(line)
        ]
    return found


def too_long(root: Path) -> list[str]:
    """Return `path:line: what` for each Python file and, with few exceptions, each function that is longer than its limit."""
    found: list[str] = []
    for file in (file for file in tracked_files(root) if file.suffix == ".py"):
        path, source = file.relative_to(root).as_posix(), file.read_text(encoding="utf-8")
        if (lines := source.count("\n")) > MOST_LINES_OF_A_FILE:
            found.append(f"{path}:{MOST_LINES_OF_A_FILE}: a file of {lines} lines")
        if not path.startswith(UNBOUNDED_FUNCTIONS):
            found += _long_functions(path, source)
    return found


def _long_functions(path: str, source: str) -> list[str]:
    return [
        f"{path}:{node.lineno}: {node.name} has {lines} lines"
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (lines := (node.end_lineno or node.lineno) - node.lineno + 1) > MOST_LINES_OF_A_FUNCTION
    ]
