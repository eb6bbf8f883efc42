"""`make wheel`: builds the resource server kit, and the auth server, as distributions of their own.

Each is laid out in a folder of its own, with `shared/` as its private subpackage `_shared` and the imports rewritten, and built by the same
backend that builds the checkout. The bytes are the same each time: names, times and modes are the same.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from docs.packaging.rewrite import rewritten

ROOT: Final = Path(__file__).parents[2]
_PAPERS: Final = Path(__file__).parent.relative_to(ROOT)
# 2024-01-01: a date that a ZIP file can hold. What time it was built says nothing about what is in it.
_SOURCE_DATE_EPOCH: Final = "1704067200"
_NEVER: Final = shutil.ignore_patterns("__pycache__", "*.pyc", "Dockerfile", "requirements.lock")


class BuildFailed(Exception):
    """The backend built nothing."""


@dataclass(frozen=True, slots=True)
class Distribution:
    """What is built: the package, its papers in this folder, and the rooms that stay out of it."""

    name: str
    package: str
    left_out: tuple[str, ...] = ()


# The notes service is an example that runs from the checkout: whoever installs the kit has a service of his own.
KIT: Final = Distribution("resource-server", "resource_server", ("demo",))
AUTH_SERVER: Final = Distribution("auth-server", "auth_server")
DISTRIBUTIONS: Final = (KIT, AUTH_SERVER)


def build(distribution: Distribution, target: Path, root: Path = ROOT) -> Path:
    """Build one wheel into `target` and return its path.

    Args:
        root: the checkout, or a copy of it that nobody writes to meanwhile.

    Raises:
        CannotRewrite: an import of `shared` is in a form that cannot be rewritten.
        BuildFailed: the backend failed; the text is what it said.
    """
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        lay_out(distribution, Path(folder), root)
        made = Path(folder) / "made"
        done = subprocess.run(
            [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(made)],
            cwd=folder,
            env={**os.environ, "SOURCE_DATE_EPOCH": _SOURCE_DATE_EPOCH},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise BuildFailed(f"{distribution.name}: {done.stdout}{done.stderr}")
        wheel = next(made.glob("*.whl"))
        return Path(shutil.copyfile(wheel, target / wheel.name))


def lay_out(distribution: Distribution, folder: Path, root: Path = ROOT) -> None:
    """Write the sources of a distribution into an empty folder."""
    package = folder / distribution.package
    shutil.copytree(root / distribution.package, package, ignore=_NEVER)
    for room in distribution.left_out:
        shutil.rmtree(package / room)
    shutil.copytree(root / "shared", package / "_shared", ignore=_NEVER)
    for path in sorted(package.rglob("*.py")):
        source = path.read_text(encoding="utf-8")
        path.write_text(rewritten(source, distribution.package, str(path.relative_to(folder))), encoding="utf-8")
    shutil.copyfile(root / _PAPERS / f"{distribution.name}.md", folder / "README.md")
    shutil.copyfile(root / "LICENSE", folder / "LICENSE")
    (folder / "pyproject.toml").write_text(_pyproject(distribution, root), encoding="utf-8")
    for path in folder.rglob("*"):
        # The mask of whoever builds is nobody's business.
        path.chmod(0o755 if path.is_dir() else 0o644)


def _pyproject(distribution: Distribution, root: Path) -> str:
    text = (root / _PAPERS / f"{distribution.name}.toml").read_text(encoding="utf-8")
    dynamic = 'dynamic = ["dependencies", "optional-dependencies"]\n'
    if dynamic not in text:
        return text
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = [f"dependencies = {_array(project['dependencies'])}\n", "\n[project.optional-dependencies]\n"]
    lines += [f"{extra} = {_array(wanted)}\n" for extra, wanted in project["optional-dependencies"].items()]
    return text.replace(dynamic, "".join(lines))


def _array(values: Sequence[Any]) -> str:
    return "[" + ", ".join(f"'{value}'" if '"' in value else f'"{value}"' for value in values) + "]"


def main(arguments: Sequence[str] | None = None) -> int:
    """Build every distribution, and print where each is."""
    parser = argparse.ArgumentParser(prog="docs.packaging.build", description="Build the distributions.")
    parser.add_argument("--into", type=Path, default=ROOT / "dist", help="the folder they are put into (dist/)")
    given = parser.parse_args(arguments)
    for distribution in DISTRIBUTIONS:
        wheel = build(distribution, given.into)
        print(f"{wheel}  {wheel.stat().st_size / 1024:.0f} KiB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
