"""Both wheels, built once a run, and the machine of somebody who has a package called `shared` himself."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from docs.packaging.build import AUTH_SERVER, KIT, ROOT, build

# What a wheel is made of.
_SOURCES = ("auth_server", "resource_server", "shared", "docs/packaging")
FOREIGN = '"""Somebody else\'s package."""\nMARK = "foreign"\n'


@dataclass(frozen=True)
class Wheels:
    """Where each wheel is, where it is unpacked, and the copy of the checkout that both were built from."""

    sources: Path
    kit: Path
    auth_server: Path
    unpacked_kit: Path
    unpacked_auth_server: Path


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Wheels:
    """Both wheels."""
    folder = tmp_path_factory.mktemp("wheels")
    sources = _frozen(folder / "sources")
    kit, auth_server = (build(distribution, folder / "dist", sources) for distribution in (KIT, AUTH_SERVER))
    for wheel, name in ((kit, "kit"), (auth_server, "auth_server")):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(folder / name)
    return Wheels(sources, kit, auth_server, folder / "kit", folder / "auth_server")


def _frozen(folder: Path) -> Path:
    """Copy what wheels are made of: the checkout may be worked on, or another branch checked out, while its tests run."""
    for name in _SOURCES:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "LICENSE"):
        shutil.copyfile(ROOT / name, folder / name)
    return folder


@pytest.fixture(scope="session")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a package `shared` that has nothing to do with ours."""
    folder = tmp_path_factory.mktemp("foreign")
    (folder / "shared").mkdir()
    (folder / "shared" / "__init__.py").write_text(FOREIGN, encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def third_party(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is installed here, without this checkout: no .pth file leads to it, and no entry point of it is found."""
    folder = tmp_path_factory.mktemp("third-party")
    for installed in Path(sysconfig.get_paths()["purelib"]).iterdir():
        if installed.suffix != ".pth" and not installed.name.startswith(("sealwright-", "_sealwright")):
            (folder / installed.name).symlink_to(installed)
    return folder


def run_without_checkout(folders: Sequence[Path], *words: str, cwd: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """Run Python with these folders alone on its path: no site-packages, no checkout, no settings."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("RESOURCE_", "AUTH_", "PYTEST"))}
    environment |= {"PYTHONPATH": os.pathsep.join(map(str, folders)), "PYTHONDONTWRITEBYTECODE": "1", **more}
    return subprocess.run(
        [sys.executable, "-S", "-P", *words], cwd=cwd, env=environment, capture_output=True, text=True, check=False, timeout=300
    )
