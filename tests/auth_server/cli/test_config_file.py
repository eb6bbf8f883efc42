"""The declarative file: what is missing is created, and nothing that exists is ever changed."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest

from auth_server.cli.config_file import Created, apply_config, load_config
from auth_server.clients import secrets
from auth_server.services import Services
from tests.auth_server.cli.config_files import HASH, PASSWORD, SECRET, WHOLE, apply, written

DEMO = Path(__file__).parents[3] / "docs" / "demo" / "config.toml"


def test_the_file_of_the_demonstration_is_good() -> None:
    config = load_config(DEMO)

    assert [len(part) for part in (config.resources, config.roles, config.clients)] == [1, 3, 1]


def test_everything_that_is_missing_is_created_in_order(services: Services, tmp_path: Path) -> None:
    created = apply(services, written(tmp_path, WHOLE))

    assert [f"{item.kind} {item.name}" for item in created] == [
        "resource http://localhost:8001",
        "role editor",
        "client billing",
        "client later",
        "user alice",
        "user bob",
    ]
    billing = services.store.read_blocking(lambda tx: tx.clients.find("billing"))
    assert billing is not None
    assert secrets.is_one_of(SECRET, billing.secrets, 0)
    later = services.store.read_blocking(lambda tx: tx.clients.find("later"))
    assert later is not None
    assert later.secrets == ()


def test_a_declared_person_has_address_role_and_password(services: Services, tmp_path: Path) -> None:
    apply(services, written(tmp_path, WHOLE))

    account = asyncio.run(services.administration.find("alice@example.com"))
    assert account is not None
    assert services.store.read_blocking(lambda tx: tx.roles.of(account.sub)) == {"editor"}
    assert services.store.read_blocking(lambda tx: tx.credentials.digest(account.sub))


def test_the_second_time_nothing_is_created_or_changed(services: Services, tmp_path: Path) -> None:
    apply(services, written(tmp_path, WHOLE))
    account = asyncio.run(services.administration.find("alice"))
    assert account is not None
    asyncio.run(services.roles.revoke(account.sub, "editor"))
    version = services.store.read_blocking(lambda tx: tx.directory.version())

    changed = WHOLE.replace('"Change your notes"', '"Something else"').replace('["notes:write"]', '["notes:read"]')
    assert apply(services, written(tmp_path, changed.replace(SECRET, "x"))) == []

    assert services.store.read_blocking(lambda tx: tx.directory.version()) == version
    assert services.store.read_blocking(lambda tx: tx.roles.of(account.sub)) == set()


def test_what_was_created_is_logged_without_any_secret(
    services: Services, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        apply(services, written(tmp_path, WHOLE))

    told = [vars(record)["fields"] for record in caplog.records if record.getMessage() == "config.created"]
    assert {"kind": "client", "name": "billing"} in told
    assert len(told) == 6
    assert not any(secret in str(fields) for fields in told for secret in (SECRET, PASSWORD))


def test_a_user_may_come_with_the_digest_of_a_password(services: Services, tmp_path: Path) -> None:
    apply(services, written(tmp_path, f'[[users]]\nusername = "carol"\npassword_hash = "{HASH}"\n'))

    account = asyncio.run(services.administration.find("carol"))
    assert account is not None
    assert services.store.read_blocking(lambda tx: tx.credentials.digest(account.sub)) == HASH


def test_a_declared_algorithm_is_stored(services: Services, tmp_path: Path) -> None:
    text = """[[resources]]
identifier = "http://localhost:8001"
signing_alg = "RS256"
[[clients]]
client_id = "app"
auth_method = "none"
signing_alg = "RS256"
"""
    apply(services, written(tmp_path, text))

    assert services.store.read_blocking(lambda tx: tx.resources.all())["http://localhost:8001"].signing_alg == "RS256"
    client = services.store.read_blocking(lambda tx: tx.clients.find("app"))
    assert client is not None
    assert client.signing_alg == "RS256"


def test_many_servers_that_start_at_once_create_each_thing_once(services: Services, tmp_path: Path) -> None:
    path = written(tmp_path, WHOLE)

    async def start() -> list[list[Created]]:
        return await asyncio.gather(*(apply_config(services, path) for _ in range(4)))

    created = [item for part in asyncio.run(start()) for item in part]
    assert len(created) == len({(item.kind, item.name) for item in created}) == 6
