"""Declarative files of the tests' own making, and what becomes of them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from auth_server.cli.config_file import ConfigRefused, Created, apply_config, load_config
from auth_server.services import Services

SECRET = "0123456789abcdef0123456789abcdef-a-given-secret"
PASSWORD = "lantern gravel otter umbrella"

# Of the password "lantern gravel otter umbrella", with the least cost there is.
HASH = "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHRzYWx0c2E$Y0wq0qWqvI1h2Q1pQ0w2l5w3n4m5b6v7c8x9z0a1s2d"

WHOLE = """
[[resources]]
identifier = "http://localhost:8001"
permissions = ["notes:admin"]

[[resources.scopes]]
name = "notes:write"
description = "Change your notes"
requires_permission = "notes:write"

[[roles]]
name = "editor"
permissions = ["notes:write"]

[[clients]]
client_id = "billing"
secret_file = "secret"
grants = ["client_credentials", "authorization_code"]
scope = "notes:write"
redirect_uris = ["https://a.example/cb"]
default_resource = "http://localhost:8001"

[[clients]]
client_id = "later"

[[users]]
username = "alice"
email = "alice@example.com"
email_verified = true
roles = ["editor"]
password_file = "password"

[[users]]
username = "bob"
"""


def written(folder: Path, text: str) -> Path:
    """Write a file, and what it refers to, into a folder."""
    (folder / "secret").write_text(SECRET + "\n")
    (folder / "password").write_text(PASSWORD + "\n")
    (folder / "weak").write_text("password1234567\n")
    path = folder / "config.toml"
    path.write_text(text, encoding="utf-8")
    return path


def faults_of(folder: Path, text: str) -> list[str]:
    """Return what a file is refused for, without its own name."""
    with pytest.raises(ConfigRefused) as refusal:
        load_config(written(folder, text))
    return [sentence.removeprefix(f"{folder}/config.toml: ") for sentence in refusal.value.sentences]


def apply(services: Services, path: Path) -> list[Created]:
    """Do what a server does with the file when it starts."""
    return asyncio.run(apply_config(services, path))
