"""Plug-in folders: `contract.py`, `registry.py`, and one file per member, each of them in the registry."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Final

PLUG_INS: Final = tuple(
    f"auth_server/{room}" for room in ("grants", "client_auth", "jobs", "endpoints", "mail", "keys/custodians")
)
PARTS: Final = frozenset({"__init__.py", "contract.py", "registry.py"})
# The first-party doors have the contract of every door.
CONTRACT_ELSEWHERE: Final = {"auth_server/api": "auth_server/web/door.py"}
# Files that serve the members of their folder and are none.
NOT_MEMBERS: Final = frozenset(
    {
        "auth_server/api/callers.py",
        "auth_server/api/members.py",
        "auth_server/api/operation.py",
        "auth_server/api/operations.py",
        "auth_server/api/schemas.py",
        "auth_server/api/signal_operations.py",
        "auth_server/client_auth/authenticate.py",
        "auth_server/grants/redemption.py",
        "auth_server/jobs/runner.py",
        "auth_server/jobs/waits.py",
        "auth_server/mail/messages.py",
    }
)


def faults(root: Path) -> list[str]:
    """Return one sentence for each missing part, and for each member that its registry does not import."""
    found: list[str] = []
    for folder in _plug_in_folders(root):
        files = {file.name: file for file in sorted((root / folder).glob("*.py"))}
        if not files.keys() - {"__init__.py"}:
            continue
        missing = PARTS - files.keys()
        if (root / CONTRACT_ELSEWHERE.get(folder, "-")).is_file():
            missing -= {"contract.py"}
        found += [f"{folder} has no {part}" for part in sorted(missing)]
        registered = _imported_files(files["registry.py"]) if "registry.py" in files else set()
        members = [name for name in files if name not in PARTS and f"{folder}/{name}" not in NOT_MEMBERS]
        found += [f"{folder}/{name} is in no line of its registry.py" for name in members if f"{folder}/{name}" not in registered]
    return found


def _plug_in_folders(root: Path) -> list[str]:
    by_file = {file.parent.relative_to(root).as_posix() for file in (root / "auth_server").rglob("registry.py")}
    return sorted(by_file | {folder for folder in PLUG_INS if (root / folder).is_dir()})


def _imported_files(registry: Path) -> set[str]:
    modules: set[str] = set()
    for node in ast.walk(ast.parse(registry.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            modules |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return {module.replace(".", "/") + ".py" for module in modules}
