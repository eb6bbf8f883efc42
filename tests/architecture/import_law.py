"""The import law: which file may import what, read from the syntax trees without running anything.

An import goes down, never up and never sideways. The floors of `auth_server/` and the doors through which a library may come in
are the tables of `floor_plan.py`; a room or a library that is in no table is a violation too, so that the law stays complete by itself.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from tests.architecture.floor_plan import (
    DOORS,
    ENVIRONMENT_READERS,
    ENVIRONMENT_WORDS,
    FLOORS,
    IMPURE,
    IMPURE_CALLS,
    LAZY_IMPORTERS,
    MAY_SEE_BOTH,
    PACKAGES,
    PURE_FILE_NAME,
    PURE_FILES,
    PURE_FOLDERS,
    SERVICES_ROOM,
)


@dataclass(frozen=True, slots=True, order=True)
class Violation:
    """One broken rule at one line; prints as an editor likes it."""

    path: str
    line: int
    law: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.law}"


@dataclass(frozen=True, slots=True)
class Import:
    """One imported module, its dotted name as far as it can be a module, and whether it stands inside a function."""

    module: str
    line: int
    in_function: bool

    @property
    def top(self) -> str:
        """The package it comes from."""
        return self.module.partition(".")[0]

    @property
    def room(self) -> str:
        """The second part of the name: the room, where the package is `auth_server`."""
        return self.module.partition(".")[2].partition(".")[0]


def violations(root: Path) -> list[Violation]:
    """Return every violation in the packages and in the programs around them, by file and line."""
    found: list[Violation] = []
    for path, tree in _files(root, (*PACKAGES, "tests", "benchmarks", "docs")):
        imports = list(_imports(tree))
        laws = _package_laws(path, tree, imports) if path.partition("/")[0] in PACKAGES else _one_side(path, imports)
        found += [Violation(path, line, law) for line, law in laws]
    return sorted(set(found))


def used_doors(root: Path) -> set[tuple[str, str]]:
    """Return every library with the doors through which something of it is imported."""
    return {
        (found.top, door)
        for path, tree in _files(root, PACKAGES)
        for found in _imports(tree)
        for door in DOORS.get(found.top, ())
        if _within(path, (door,))
    }


def _files(root: Path, folders: Iterable[str]) -> Iterator[tuple[str, ast.Module]]:
    for folder in folders:
        for file in sorted((root / folder).rglob("*.py")):
            path = file.relative_to(root).as_posix()
            yield path, ast.parse(file.read_text(encoding="utf-8"), filename=path)


def _imports(tree: ast.AST, in_function: bool = False) -> Iterator[Import]:
    for node in ast.iter_child_nodes(tree):
        inside = in_function or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, node.lineno, inside) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            # `from auth_server import keys` means the room; `from auth_server.keys import ring` at least the room.
            base = node.module or "."
            yield from (Import(f"{base}.{alias.name}", node.lineno, inside) for alias in node.names)
        yield from _imports(node, inside)


def _within(path: str, places: Iterable[str]) -> bool:
    return any(path.startswith(place) if place.endswith("/") else path == place for place in places)


def _room_of(path: str) -> str:
    parts = PurePosixPath(path).parts
    return parts[1].removesuffix(".py") if len(parts) > 1 else ""


Found = Iterator[tuple[int, str]]


def _package_laws(path: str, tree: ast.AST, imports: list[Import]) -> Found:
    yield from _floors(path, imports)
    yield from _sides(path, imports)
    yield from _libraries(path, imports)
    yield from _purity(path, tree, imports)
    yield from _environment(path, tree)
    yield from _services(path, imports)
    yield from _lazy(path, imports)


def _floors(path: str, imports: list[Import]) -> Found:
    own = _room_of(path)
    if not path.startswith("auth_server/"):
        return
    if own == "__init__":
        yield from ((i.line, "law 1: the package itself imports no room") for i in imports if i.top == "auth_server")
        return
    if own not in FLOORS:
        yield 1, f"law 1: {own} has no floor; give it one in tests/architecture/floor_plan.py"
        return
    for found in imports:
        # A dunder is the package's own word, such as __version__.
        if found.top != "auth_server" or found.room == own or found.room.startswith("__"):
            continue
        if FLOORS.get(found.room, 99) >= FLOORS[own]:
            yield found.line, f"law 1: {own} (floor {FLOORS[own]}) imports {found.room} (floor {FLOORS.get(found.room, '?')})"


def _sides(path: str, imports: list[Import]) -> Found:
    side = path.partition("/")[0]
    for found in imports:
        if side == "shared" and found.top != "shared" and found.top not in sys.stdlib_module_names:
            yield found.line, f"law 2: shared imports the standard library alone, not {found.top}"
        elif side != "shared" and found.top in {"auth_server", "resource_server", "tests", "benchmarks"} - {side}:
            yield found.line, f"law 3: {side} never imports {found.top}"


def _one_side(path: str, imports: list[Import]) -> Found:
    seen = {found.top: found.line for found in reversed(imports) if found.top in {"auth_server", "resource_server"}}
    if len(seen) == 2 and not _within(path, MAY_SEE_BOTH):
        yield max(seen.values()), f"law 3: only {', '.join(MAY_SEE_BOTH)} may import both servers"


def _libraries(path: str, imports: list[Import]) -> Found:
    for found in imports:
        if found.top in sys.stdlib_module_names or found.top in PACKAGES or path.startswith("shared/"):
            continue
        if found.top not in DOORS:
            yield found.line, f"law 5: {found.top} has no door; give it one in tests/architecture/floor_plan.py"
        elif not _within(path, DOORS[found.top]):
            yield found.line, f"law 5: {found.top} comes in through {', '.join(DOORS[found.top])} alone"


def _purity(path: str, tree: ast.AST, imports: list[Import]) -> Found:
    if not (_within(path, (*PURE_FOLDERS, *PURE_FILES)) or PurePosixPath(path).name == PURE_FILE_NAME):
        return
    for found in imports:
        if found.top in IMPURE or any(found.module == name or found.module.startswith(f"{name}.") for name in IMPURE):
            yield found.line, f"law 4: this file is sans-I/O and does not import {found.module}"
    for node in ast.walk(tree):
        if isinstance(node, ast.AsyncFunctionDef | ast.Await | ast.AsyncFor | ast.AsyncWith):
            yield node.lineno, "law 4: this file is sans-I/O; nothing in it is async"
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in IMPURE_CALLS:
            yield node.lineno, f"law 4: this file is sans-I/O and does not call {ast.unparse(node.func)}()"


def _environment(path: str, tree: ast.AST) -> Found:
    if path in ENVIRONMENT_READERS:
        return
    for node in ast.walk(tree):
        attribute = isinstance(node, ast.Attribute) and ast.unparse(node) in {f"os.{word}" for word in ENVIRONMENT_WORDS}
        name = isinstance(node, ast.ImportFrom) and node.module == "os" and any(a.name in ENVIRONMENT_WORDS for a in node.names)
        if isinstance(node, ast.Attribute | ast.ImportFrom) and (attribute or name):
            yield node.lineno, f"law 5: only {' and '.join(ENVIRONMENT_READERS)} read the environment"


def _services(path: str, imports: list[Import]) -> Found:
    room = _room_of(path)
    registers = FLOORS.get(room, 0) in {7, 8} and PurePosixPath(path).name in {"registry.py", "routes.py"}
    if room in {"cli", "testing", "app", "services"} or registers:
        return
    for found in imports:
        if found.module == SERVICES_ROOM or found.module.startswith(f"{SERVICES_ROOM}."):
            yield found.line, "law 5: only cli/, app.py and the registries of floors 7 and 8 see the Services object"


def _lazy(path: str, imports: list[Import]) -> Found:
    if not _within(path, LAZY_IMPORTERS):
        yield from (
            (found.line, "an import stands at the top of its file, not in a function") for found in imports if found.in_function
        )
