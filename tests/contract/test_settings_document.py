"""What the documentation says of settings is what the servers read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from auth_server.cli.config_file import load_config
from tests.contract.settings_document import DOCUMENT, marked, written


def test_the_documented_settings_are_the_settings_of_both_servers() -> None:
    """`python -m tests.contract.settings_document` writes them anew."""
    text = DOCUMENT.read_text(encoding="utf-8")

    assert marked(text) == ["auth-server", "resource-server"]
    assert written(text) == text


def test_the_documented_file_is_one_that_the_server_accepts(tmp_path: Path) -> None:
    blocks = re.findall(r"```toml\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "config.toml").write_text(blocks[0])
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "billing").write_text("0123456789abcdef0123456789abcdef\n")
    (tmp_path / "secrets" / "alice").write_text("lantern gravel otter umbrella\n")

    config = load_config(tmp_path / "config.toml")

    assert min(len(part) for part in (config.resources, config.roles, config.clients, config.users)) >= 1


def test_a_changed_setting_would_be_noticed() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    spoiled = text.replace("| `8000` |", "| `8080` |")

    assert spoiled != text
    assert written(spoiled) == text


@pytest.mark.parametrize("kind", ["resources", "resources.scopes", "roles", "clients", "users"])
def test_the_documented_file_shows_every_kind(kind: str) -> None:
    assert f"\n[[{kind}]]\n" in DOCUMENT.read_text(encoding="utf-8")
