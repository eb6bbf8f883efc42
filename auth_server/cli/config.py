"""`auth-server config ...`: the settings, and the declarative file they name."""

from __future__ import annotations

import argparse
from typing import Final

from auth_server.cli.command import Answer, Command
from auth_server.cli.plain_text import table
from auth_server.settings import effective, load


def _check(_given: argparse.Namespace) -> Answer:
    settings = load()
    if settings.config is None:
        return Answer({"faults": []}, "the settings are good", settings.warnings)
    # Imported here: it knows the rules of clients and resources, and with them the database driver.
    from auth_server.cli.config_file import load_config

    config = load_config(settings.config, settings.signing_algorithms)
    text = f"the settings are good, and so is {settings.config} ({config.summary()})"
    return Answer({"faults": [], "config": str(settings.config)}, text, settings.warnings)


def _show(_given: argparse.Namespace) -> Answer:
    rows = effective()
    document: dict[str, object] = {
        "settings": [{"name": name, "value": value, "given": given, "meaning": meaning} for name, value, given, meaning in rows]
    }
    # The table's own texts are written for the documents too, where backticks are a font.
    listed = [
        (name, (value if given else value.replace("`", "")) or "none", "given" if given else "default")
        for name, value, given, _ in rows
    ]
    return Answer(document, table(("NAME", "VALUE", "FROM"), listed), load().warnings)


COMMANDS: Final = (
    Command(
        "check",
        "check settings and the declarative file",
        "Check every setting, and the file that AUTH_SERVER_CONFIG names. All faults are told at once, with exit code 3. No database "
        "is needed, and nothing is changed.",
        ("auth-server config check",),
        _check,
    ),
    Command(
        "show",
        "show the effective settings",
        "Show every setting with its effective value and whether it was given. Secrets are masked.",
        ("auth-server config show --json",),
        _show,
    ),
)
