"""Each server runs from its own folder and `shared/`, without the other server and without the other's libraries.

The quick half of the proof: no network, no installation; the replay of the Dockerfiles is the whole one.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# A module that is None in sys.modules cannot be imported: this stands for an environment that lacks it.
IMPORT_EVERYTHING = """
import importlib, pkgutil, sys
root, package, *absent = sys.argv[1:]
sys.path.insert(0, root)
sys.modules.update(dict.fromkeys(absent))
top = importlib.import_module(package)
assert top.__file__.startswith(root), top.__file__
for found in pkgutil.walk_packages(top.__path__, package + "."):
    if not found.name.endswith("__main__") and ".migrations" not in found.name:
        importlib.import_module(found.name)
"""
ABSENT = {
    "resource_server": (
        "auth_server",
        "tests",
        "sqlalchemy",
        "alembic",
        "psycopg",
        "argon2",
        "zxcvbn",
        "jinja2",
        "httpx2",
        "joserfc",
    ),
    "auth_server": ("resource_server", "tests", "httpx2", "joserfc", "yaml", "packaging"),
}


@pytest.mark.parametrize("package", ABSENT)
def test_every_module_of_a_server_imports_without_the_other_side(package: str, tmp_path: Path) -> None:
    for folder in (package, "shared"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))

    done = subprocess.run(
        [sys.executable, "-P", "-c", IMPORT_EVERYTHING, str(tmp_path), package, *ABSENT[package]],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
