"""`docs/commands.md` tells of every command and every exit code."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

from auth_server.cli.command import ExitCode
from auth_server.cli.main import NOUNS

TEXT = (Path(__file__).parents[3] / "docs" / "commands.md").read_text(encoding="utf-8")


def test_every_command_is_shown_at_work() -> None:
    shown = set(re.findall(r"^\$ auth-server (.*)$", TEXT, re.MULTILINE))
    names = [f"{noun.name} {command.verb}".strip() for noun in NOUNS for command in importlib.import_module(noun.module).COMMANDS]

    assert [name for name in names if not any(line == name or line.startswith(f"{name} ") for line in shown)] == []


def test_every_exit_code_is_explained_and_no_other() -> None:
    table = TEXT.partition("## Exit codes\n")[2].partition("\n## ")[0]

    assert [int(code) for code in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)] == sorted(ExitCode)
