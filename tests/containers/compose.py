"""docker-compose.yml as an engine would see it for a choice of profiles and variables."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

_INNERMOST = re.compile(r"\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?P<operator>:?[-+?])?(?P<word>[^${}]*)\}")


@dataclass(frozen=True, slots=True)
class Service:
    """One service that starts: the mapping as written, with variables filled in."""

    name: str
    definition: Mapping[str, Any]

    @property
    def environment(self) -> dict[str, str]:
        """Variables by name, as the process sees them."""
        return {str(name): str(value) for name, value in self.definition.get("environment", {}).items()}

    @property
    def networks(self) -> frozenset[str]:
        """Names of the networks it is on; Compose's own default one if it names none."""
        return frozenset(self.definition.get("networks", ["default"]))

    @property
    def mounts(self) -> dict[str, str]:
        """Path in the container by the volume or the path on the machine that is mounted there."""
        return {source: target for source, target, *_ in (mount.split(":") for mount in self.definition.get("volumes", []))}

    @property
    def dependencies(self) -> dict[str, Mapping[str, Any]]:
        """What it waits for, by service name."""
        return dict(self.definition.get("depends_on", {}))


def services(file: Path, profiles: Iterable[str] = (), variables: Mapping[str, str] | None = None) -> dict[str, Service]:
    """Return the services that `docker compose --profile ... up` starts, by name."""
    chosen = set(profiles)
    return {
        name: Service(name, _filled_in(definition, variables or {}))
        for name, definition in yaml.safe_load(file.read_text(encoding="utf-8"))["services"].items()
        if not definition.get("profiles") or chosen & set(definition["profiles"])
    }


def _filled_in(node: Any, variables: Mapping[str, str]) -> Any:
    # After parsing, as Compose does it: what becomes empty stays an empty text and does not turn into YAML's null.
    match node:
        case str():
            return interpolated(node, variables)
        case dict():
            return {key: _filled_in(value, variables) for key, value in node.items()}
        case list():
            return [_filled_in(value, variables) for value in node]
        case _:
            return node


def interpolated(text: str, variables: Mapping[str, str]) -> str:
    """Fill in `${NAME}`, `${NAME:-word}`, `${NAME:+word}` and `${NAME:?word}`, the innermost first.

    Raises:
        ValueError: a variable that must be set is not.
    """

    def fill(match: re.Match[str]) -> str:
        value, word = variables.get(match["name"], ""), match["word"]
        match match["operator"]:
            case ":-":
                return value or word
            case ":+":
                return word if value else ""
            case ":?" if not value:
                raise ValueError(f"{match['name']} must be set: {word}")
            case None | ":?":
                return value
            case other:
                raise ValueError(f"{other} is not read here; add it")

    while _INNERMOST.search(text):
        text = _INNERMOST.sub(fill, text)
    return text
