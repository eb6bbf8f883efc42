"""Hashed requirement files, read without a network: what they pin, and whether that is what pyproject.toml asks for."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

_PIN = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^\s;\\]+)")
_VIA = re.compile(r"^\s+# via (?P<parents>.+)$")
_HASH = re.compile(r"^\s+--hash=sha256:(?P<digest>[0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Pin:
    """One locked version, the digests of its files, and the packages on whose account it is there."""

    version: Version
    digests: frozenset[str] = frozenset()
    parents: frozenset[str] = frozenset()


def read_lock(file: Path) -> dict[str, Pin]:
    """Return every pin by canonical name.

    Raises:
        ValueError: a line is neither a pin, a digest nor a comment (such as an index address, or a requirement without a version).
    """
    pins: dict[str, Pin] = {}
    name = ""
    for line in file.read_text(encoding="utf-8").splitlines():
        if match := _PIN.match(line):
            name = canonicalize_name(match["name"])
            pins[name] = Pin(Version(match["version"]))
        elif match := _HASH.match(line):
            pins[name] = replace(pins[name], digests=pins[name].digests | {match["digest"]})
        elif match := _VIA.match(line):
            # "-c requirements.lock" says where a version was taken from, not who asked for the package.
            parents = {parent for parent in match["parents"].split(", ") if not parent.startswith("-c ")}
            pins[name] = replace(pins[name], parents=frozenset(parents))
        elif line.strip() and not line.lstrip().startswith("#"):
            raise ValueError(f"{file.name}: {line}")
    return pins


def requirements_of_group(pyproject: dict[str, Any], group: str) -> list[Requirement]:
    """Return a dependency group with the groups it includes (PEP 735)."""
    found: list[Requirement] = []
    for entry in pyproject["dependency-groups"][group]:
        if isinstance(entry, str):
            found.append(Requirement(entry))
        else:
            found += requirements_of_group(pyproject, entry["include-group"])
    return found


def read_pyproject(root: Path) -> dict[str, Any]:
    """Return pyproject.toml as it is."""
    return tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))


def unmet(requirements: Iterable[Requirement], pins: dict[str, Pin]) -> list[str]:
    """Return the requirements that the lock does not pin, or pins to a version they do not allow."""
    return sorted(
        {
            str(requirement)
            for requirement in requirements
            if (pin := pins.get(canonicalize_name(requirement.name))) is None or pin.version not in requirement.specifier
        }
    )


def unasked(requirements: Iterable[Requirement], pins: dict[str, Pin]) -> list[str]:
    """Return the pins that neither the requirements nor any other pin asks for."""
    direct = {canonicalize_name(requirement.name) for requirement in requirements}
    return sorted(name for name, pin in pins.items() if name not in direct and not pin.parents & pins.keys())
