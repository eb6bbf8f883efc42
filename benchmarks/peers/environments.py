"""The libraries' own environments, made on demand under `.peers/` and kept until what is pinned changes."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.servers import ROOT

HERE: Final = Path(__file__).parent
FOLDER: Final = ROOT / ".peers"
_SECONDS: Final = 600
_MIN_NODE: Final = 20


class NotInstalled(Exception):
    """An environment cannot be made here; the sentence says why."""


@dataclass(frozen=True, slots=True)
class Library:
    """A library that is tried: its name on the registry, and how its column is headed."""

    name: str
    title: str
    language: str
    note: str = ""


LIBRARIES: Final = (
    Library("pyjwt", "PyJWT `PyJWKClient`", "python"),
    Library("authlib", "Authlib RFC 9068 validator", "python", "`get_jwks` as its docstring writes it"),
    Library("joserfc", "joserfc", "python", "fetches nothing itself: keys read once"),
    Library("fastmcp", "FastMCP `JWTVerifier`", "python"),
    Library("jose", "jose remote JWKS", "node"),
    Library("aws-jwt-verify", "aws-jwt-verify", "node"),
    Library("express-oauth2-jwt-bearer", "express-oauth2-jwt-bearer", "node"),
    Library("fast-jwt", "fast-jwt + get-jwks", "node"),
)


def python_environment() -> Path:
    """Return the interpreter of the Python libraries' environment, making it first if need be.

    Raises:
        NotInstalled: the registry is out of reach, or does not have what is pinned.
    """
    wanted, folder = HERE / "requirements.txt", FOLDER / "python"
    interpreter = folder / "bin" / "python"
    if _is_whole(folder, wanted):
        return interpreter
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(exist_ok=True)
    _run([sys.executable, "-m", "venv", str(folder)], "python3 -m venv")
    install = [str(interpreter), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement", str(wanted)]
    _run(install, "pip install")
    shutil.copy(wanted, folder / wanted.name)
    return interpreter


def node_environment() -> Path:
    """Return the folder with the Node libraries, installing them first if need be.

    No lock file is written, and no package's own script is run.

    Raises:
        NotInstalled: there is no Node of a fitting age, or the registry is out of reach.
    """
    _check_node()
    wanted, folder = HERE / "package.json", FOLDER / "node"
    if _is_whole(folder, wanted):
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    draft = folder / "package.json"
    shutil.copy(wanted, draft)
    words = ["npm", "install", "--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
    try:
        _run(words, "npm install", folder)
    except NotInstalled:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    (folder / ".whole").write_bytes(wanted.read_bytes())
    return folder


def _is_whole(folder: Path, wanted: Path) -> bool:
    installed = folder / (wanted.name if wanted.suffix == ".txt" else ".whole")
    return installed.exists() and installed.read_bytes() == wanted.read_bytes()


def _check_node() -> None:
    try:
        told = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True, timeout=30).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise NotInstalled("no Node on this machine") from error
    if int(told.lstrip("v").split(".")[0]) < _MIN_NODE:
        raise NotInstalled(f"Node {told.strip()} is older than {_MIN_NODE}")
    if shutil.which("npm") is None:
        raise NotInstalled("no npm on this machine")


def _run(words: list[str], what: str, folder: Path | None = None) -> None:
    try:
        done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False, timeout=_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotInstalled(f"{what}: {type(error).__name__}") from error
    if done.returncode != 0:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["it failed"]
        raise NotInstalled(f"{what}: {last[0][:160]}")
