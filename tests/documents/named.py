"""What the papers name that can be looked up: links, files, targets of make, commands with their options, settings."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

from auth_server import settings as auth_server
from auth_server.cli.main import NOUNS
from auth_server.cli.parsing import parser_of
from resource_server import settings as resource_server

_LINK: Final = re.compile(r"\]\(([^)\s]+)\)")
_FILE: Final = re.compile(r"(?<![\w/.<>$*{}-])((?:[\w.-]+/)*[\w.-]+\.(?:py|md|toml|yml|html|css|svg|png|lock))\b(?!\()")
_CODE: Final = re.compile(r"```.*?```|`[^`\n]+`", re.DOTALL)
_TARGET: Final = re.compile(r"(?:(?<=`)|^(?:\$ )?|(?<=&& ))make ([a-z][a-z-]*)", re.MULTILINE)
_COMMAND: Final = re.compile(r"(?:(?<=`)|^(?:\$ )?)auth-server ((?:[^`\n\\]|\\\n)*)", re.MULTILINE)
_SETTING: Final = re.compile(r"\b(?:AUTH|RESOURCE)_SERVER_[A-Z0-9_]*[A-Z0-9]\b(?!_|…|\*)")


def lost_links(page: Path) -> list[str]:
    """Return the links to files and headings that are not there."""
    found = []
    for link in _LINK.findall(page.read_text(encoding="utf-8")):
        name, _, heading = link.partition("#")
        target = page.parent / name if name else page
        is_lost = not target.exists() or (heading and target.suffix == ".md" and heading not in _headings(target))
        if "://" not in link and not link.startswith("mailto:") and is_lost:
            found.append(link)
    return found


def lost_files(page: Path, tracked: frozenset[str]) -> list[str]:
    """Return the files it names that are nowhere in the tree. A name may leave out the folders that its sentence has told already."""
    ends = {path[at:] for path in tracked for at in (0, *(match.end() for match in re.finditer("/", path)))}
    return [name for name in _FILE.findall(page.read_text(encoding="utf-8")) if re.sub(r"^(\.\./)+", "", name) not in ends]


def lost_targets(page: Path, makefile: str) -> list[str]:
    """Return the targets of make that it tells of and that are none."""
    return [name for code in _code(page) for name in _TARGET.findall(code) if f"\n{name}:" not in makefile]


def lost_commands(page: Path) -> list[str]:
    """Return the commands of the auth server, and their options, that do not exist."""
    return [fault for code in _code(page) for line in _COMMAND.findall(code) for fault in _faults_of_command(line)]


def lost_settings(page: Path) -> list[str]:
    """Return the settings it names that neither server has."""
    return sorted(set(_SETTING.findall(page.read_text(encoding="utf-8"))) - _settings())


def _code(page: Path) -> list[str]:
    return _CODE.findall(page.read_text(encoding="utf-8"))


def _headings(page: Path) -> set[str]:
    lines = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", line.strip().lower()).replace(" ", "-") for line in lines}


@cache
def _settings() -> frozenset[str]:
    tables = ((auth_server.PREFIX, auth_server.TABLE), (resource_server.PREFIX, resource_server.TABLE))
    return frozenset(f"{prefix}{row.name}{end}" for prefix, table in tables for row in table for end in ("", "_FILE"))


@cache
def _commands() -> dict[str, frozenset[str]]:
    """Return the options of every command by its words."""
    return {
        f"{noun.name} {command.verb}".strip(): frozenset(parser_of(noun.name, command).options)
        for noun in NOUNS
        for command in importlib.import_module(noun.module).COMMANDS
    }


def _faults_of_command(line: str) -> Iterator[str]:
    words = re.split(r"[\s\\]+", re.split(r" [#|>] ", line)[0].strip())
    if not re.fullmatch(r"[a-z][a-z-]+", words[0]) or "--help" in words:
        return  # `auth-server --help`, `auth-server …`
    for verb in words[1].split("|") if len(words) > 1 else ("",):
        known = next((name for name in (f"{words[0]} {verb}", words[0]) if name in _commands()), None)
        if known is None and verb:
            yield f"auth-server {words[0]} {verb}"
        given = {word.partition("=")[0] for word in words if word.startswith("--")}
        yield from (f"auth-server {known} {option}" for option in sorted(given) if known and option not in _commands()[known])
