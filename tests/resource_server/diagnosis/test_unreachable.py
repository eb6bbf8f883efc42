"""A report tells got and expected: it is for the operator on the machine, and no request may cause one."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parents[3] / "resource_server"
# What a request reaches: the guard with everything under it, the adapters, and the service.
SERVING = [path for path in ROOT.rglob("*.py") if path.relative_to(ROOT).parts[0] not in {"cli", "diagnosis", "testing"}]


def imported(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found


def test_nothing_that_serves_knows_how_to_explain() -> None:
    reachable = {
        path.relative_to(ROOT).as_posix()
        for path in SERVING
        if any(name.startswith(("resource_server.diagnosis", "resource_server.cli")) for name in imported(path))
    }

    assert reachable == {"__main__.py"}  # the command itself


def test_the_rule_sees_what_it_is_about() -> None:
    assert len(SERVING) > 30
    assert any(name.startswith("resource_server.diagnosis") for name in imported(ROOT / "cli" / "explain.py"))
