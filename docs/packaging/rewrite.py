"""Imports of `shared`, turned into imports of the copy that a distribution carries inside itself.

`shared` is too common a name to be claimed on other people's machines: they may have a package of their own that is called so.
"""

from __future__ import annotations

import ast
from typing import Final

FOREIGN: Final = "shared"


class CannotRewrite(Exception):
    """An import in a form that a change of its first word would not mean the same. The text says where."""


def rewritten(source: str, package: str, path: str = "<source>") -> str:
    """Return a module whose imports of `shared` are imports of `package`'s own `_shared`.

    Raises:
        CannotRewrite: `import shared...` without `from`: it binds the name `shared` itself.
    """
    lines = source.splitlines(keepends=True)
    for node in ast.walk(ast.parse(source, filename=path)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if _is_shared(alias.name):
                    raise CannotRewrite(f"{path}:{node.lineno}: write `from {FOREIGN} import ...`")
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and _is_shared(node.module or ""):
            line, start = lines[node.lineno - 1], node.col_offset
            before, after = line[:start], line[start:]
            lines[node.lineno - 1] = before + after.replace(f"from {FOREIGN}", f"from {package}._{FOREIGN}", 1)
    return "".join(lines)


def _is_shared(module: str) -> bool:
    return module == FOREIGN or module.startswith(f"{FOREIGN}.")
