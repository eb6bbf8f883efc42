"""The declarative file: every fault at once and by its place, nothing created with any, nothing existing ever changed."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest

from auth_server.accounts.passwords import Argon2Cost
from auth_server.cli.config_file import ConfigRefused, Created, apply_config, load_config
from auth_server.clients import secrets
from auth_server.services import Services, build_services
from auth_server.settings import load
from auth_server.store.store import Store
from shared.jose import ALGORITHMS

SECRET = "0123456789abcdef0123456789abcdef-a-given-secret"
PASSWORD = "lantern gravel otter umbrella"
# Of the password "lantern gravel otter umbrella", with the least cost there is.
HASH = "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHRzYWx0c2E$Y0wq0qWqvI1h2Q1pQ0w2l5w3n4m5b6v7c8x9z0a1s2d"
DEMO = Path(__file__).parents[3] / "docs" / "demo" / "config.toml"

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


@pytest.fixture
def services(store: Store, tmp_path: Path) -> Services:
    settings = load({"AUTH_SERVER_DATA_DIR": str(tmp_path / "data")})
    return build_services(settings, store=store, argon2=Argon2Cost(memory_kib=8, passes=1, lanes=1))


def _written(folder: Path, text: str) -> Path:
    (folder / "secret").write_text(SECRET + "\n")
    (folder / "password").write_text(PASSWORD + "\n")
    (folder / "weak").write_text("password1234567\n")
    path = folder / "config.toml"
    path.write_text(text, encoding="utf-8")
    return path


def _faults(folder: Path, text: str) -> list[str]:
    with pytest.raises(ConfigRefused) as refusal:
        load_config(_written(folder, text))
    return [sentence.removeprefix(f"{folder}/config.toml: ") for sentence in refusal.value.sentences]


def _apply(services: Services, path: Path) -> list[Created]:
    return asyncio.run(apply_config(services, path))


def test_the_file_of_the_demonstration_is_good() -> None:
    config = load_config(DEMO)

    assert [len(part) for part in (config.resources, config.roles, config.clients)] == [1, 3, 1]


def test_everything_that_is_missing_is_created_in_order(services: Services, tmp_path: Path) -> None:
    created = _apply(services, _written(tmp_path, WHOLE))

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
    _apply(services, _written(tmp_path, WHOLE))

    account = asyncio.run(services.administration.find("alice@example.com"))
    assert account is not None
    assert services.store.read_blocking(lambda tx: tx.roles.of(account.sub)) == {"editor"}
    assert services.store.read_blocking(lambda tx: tx.credentials.digest(account.sub))


def test_the_second_time_nothing_is_created_or_changed(services: Services, tmp_path: Path) -> None:
    _apply(services, _written(tmp_path, WHOLE))
    account = asyncio.run(services.administration.find("alice"))
    assert account is not None
    asyncio.run(services.roles.revoke(account.sub, "editor"))
    version = services.store.read_blocking(lambda tx: tx.directory.version())

    changed = WHOLE.replace('"Change your notes"', '"Something else"').replace('["notes:write"]', '["notes:read"]')
    assert _apply(services, _written(tmp_path, changed.replace(SECRET, "x"))) == []

    assert services.store.read_blocking(lambda tx: tx.directory.version()) == version
    assert services.store.read_blocking(lambda tx: tx.roles.of(account.sub)) == set()


def test_what_was_created_is_logged_without_any_secret(
    services: Services, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        _apply(services, _written(tmp_path, WHOLE))

    told = [vars(record)["fields"] for record in caplog.records if record.getMessage() == "config.created"]
    assert {"kind": "client", "name": "billing"} in told
    assert len(told) == 6
    assert not any(secret in str(fields) for fields in told for secret in (SECRET, PASSWORD))


def test_a_user_may_come_with_the_digest_of_a_password(services: Services, tmp_path: Path) -> None:
    _apply(services, _written(tmp_path, f'[[users]]\nusername = "carol"\npassword_hash = "{HASH}"\n'))

    account = asyncio.run(services.administration.find("carol"))
    assert account is not None
    assert services.store.read_blocking(lambda tx: tx.credentials.digest(account.sub)) == HASH


@pytest.mark.parametrize(
    "text, fault",
    [
        ("[[user]]", "user: unknown; did you mean users?"),
        ("[clients]", "clients: must be tables: write [[clients]]"),
        (
            '[[resources]]\nidentifier = "http://a"\nscopes = "x"',
            "resources[0].scopes: must be tables: write [[resources.scopes]]",
        ),
        ("[[roles]]", "roles[0].name: missing"),
        ('[[roles]]\nname = ""', "roles[0].name: must be a text"),
        ('[[roles]]\nname = "a"\npermisions = []', "roles[0].permisions: unknown; did you mean permissions?"),
        ('[[roles]]\nname = "a"\npermissions = "x"', "roles[0].permissions: must be a list of texts"),
        ('[[roles]]\nname = "a"\n[[roles]]\nname = "a"', "roles[1].name: a is declared at roles[0] already"),
        (
            '[[clients]]\nclient_id = "a"\n[[clients]]\nclient_id = "b"\ngrants = [1]',
            "clients[1].grants: must be a list of texts",
        ),
        ('[[clients]]\nclient_id = "a"\nscope = "a  b"', "clients[0].scope: malformed scope"),
        ('[[clients]]\nclient_id = "a"\nrotate_refresh_tokens = 1', "clients[0].rotate_refresh_tokens: must be true or false"),
        ('[[clients]]\nclient_id = "a"\nsecret = "x"', "clients[0].secret: unknown; did you mean secret_file?"),
        (
            '[[clients]]\nclient_id = "a"\nauth_method = "none"\nsecret_file = "secret"',
            "clients[0].secret_file: a public client has no secret",
        ),
        (
            '[[clients]]\nclient_id = "a"\nsecret_file = "weak"',
            "clients[0].secret_file: a client secret has 32 to 256 characters",
        ),
        ('[[resources]]\nidentifier = "notes"', "resources[0]: identifier must be an absolute http:// or https:// URL"),
        (
            '[[resources]]\nidentifier = "http://a"\naccess_token_lifetime = true',
            "resources[0].access_token_lifetime: must be a whole number",
        ),
        ('[[users]]\nusername = "a"\nemail_verified = true', "users[0].email_verified: there is no email to be verified"),
        ('[[users]]\nusername = "a"\nemail = "b"', "users[0].email: is not a mail address"),
    ],
)
def test_a_fault_is_told_by_its_place_with_what_would_be_right(text: str, fault: str, tmp_path: Path) -> None:
    assert _faults(tmp_path, text) == [fault]


def test_only_algorithms_of_the_server_may_be_asked_for(services: Services, tmp_path: Path) -> None:
    text = """[[resources]]
identifier = "http://localhost:8001"
signing_alg = "ES256"
[[clients]]
client_id = "app"
signing_alg = "HS256"
"""
    assert _faults(tmp_path, text) == [f"clients[0]: signing_alg must be one of {', '.join(sorted(ALGORITHMS))}"]
    with pytest.raises(ConfigRefused) as refusal:
        _apply(services, _written(tmp_path, text))

    assert ["AUTH_SERVER_SIGNING_ALGORITHMS" in fault for fault in refusal.value.sentences] == [True, False]
    assert all("signing_alg" in fault for fault in refusal.value.sentences)


def test_a_declared_algorithm_is_stored(services: Services, tmp_path: Path) -> None:
    text = """[[resources]]
identifier = "http://localhost:8001"
signing_alg = "RS256"
[[clients]]
client_id = "app"
auth_method = "none"
signing_alg = "RS256"
"""
    _apply(services, _written(tmp_path, text))

    assert services.store.read_blocking(lambda tx: tx.resources.all())["http://localhost:8001"].signing_alg == "RS256"
    client = services.store.read_blocking(lambda tx: tx.clients.find("app"))
    assert client is not None
    assert client.signing_alg == "RS256"


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    assert (
        len(_faults(tmp_path, '[[user]]\n[[roles]]\n[[clients]]\nclient_id = "a"\nsecret_file = "none"\ngrants = ["x"]\n')) == 4
    )


@pytest.mark.parametrize("text", ["[[", '[[roles]]\nname = "a"\nname = "b"', "\x00"])
def test_what_is_no_toml_is_one_fault(text: str, tmp_path: Path) -> None:
    assert len(_faults(tmp_path, text)) == 1


def test_a_file_that_is_not_there_or_not_text_is_one_fault(tmp_path: Path) -> None:
    with pytest.raises(ConfigRefused):
        load_config(tmp_path / "none.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigRefused):
        load_config(tmp_path / "binary.toml")


def test_no_fault_repeats_a_secret(tmp_path: Path) -> None:
    text = '[[users]]\nusername = "a"\npassword = "hush-hush"\npassword_hash = "hush-hush"\npassword_file = "password"\n'

    assert not any("hush-hush" in fault or PASSWORD in fault for fault in _faults(tmp_path, text))


@pytest.mark.parametrize(
    "digest", ["hush", "$argon2i$v=19$m=8,t=1,p=1$c2FsdHNhbHRzYWx0c2E$abc", HASH.replace("m=8", "m=99999999")]
)
def test_only_an_affordable_argon2id_digest_is_accepted(digest: str, tmp_path: Path) -> None:
    assert len(_faults(tmp_path, f'[[users]]\nusername = "a"\npassword_hash = "{digest}"\n')) == 1


@pytest.mark.parametrize(
    "wrong, fault",
    [
        ('roles = ["editr"]', "users[1].roles: there is no role editr; did you mean editor?"),
        ('password_file = "weak"', "users[1].password_file: the password cannot be used: It is too easy to guess."),
    ],
)
def test_with_a_fault_that_only_the_database_shows_nothing_is_created(
    wrong: str, fault: str, services: Services, tmp_path: Path
) -> None:
    path = _written(tmp_path, WHOLE.replace('username = "bob"', f'username = "bob"\n{wrong}'))

    with pytest.raises(ConfigRefused) as refusal:
        _apply(services, path)

    assert refusal.value.sentences[0] == f"{path}: {fault}"
    assert services.store.read_blocking(lambda tx: tx.resources.all()) == {}
    assert services.store.read_blocking(lambda tx: tx.roles.all()) == {}


def test_a_default_resource_must_be_there_or_declared(services: Services, tmp_path: Path) -> None:
    path = _written(tmp_path, '[[clients]]\nclient_id = "a"\ndefault_resource = "http://nowhere"\n')

    with pytest.raises(ConfigRefused):
        _apply(services, path)

    assert services.store.read_blocking(lambda tx: tx.clients.find("a")) is None


def test_an_address_that_is_verified_for_somebody_else_is_a_fault(services: Services, tmp_path: Path) -> None:
    text = '[[users]]\nusername = "{}"\nemail = "a@example.com"\nemail_verified = true\n'
    _apply(services, _written(tmp_path, text.format("alice")))

    with pytest.raises(ConfigRefused):
        _apply(services, _written(tmp_path, text.format("bob")))


def test_a_weak_password_of_somebody_who_exists_is_no_fault(services: Services, tmp_path: Path) -> None:
    _apply(services, _written(tmp_path, '[[users]]\nusername = "alice"\n'))

    assert _apply(services, _written(tmp_path, '[[users]]\nusername = "alice"\npassword_file = "weak"\n')) == []


def test_many_servers_that_start_at_once_create_each_thing_once(services: Services, tmp_path: Path) -> None:
    path = _written(tmp_path, WHOLE)

    async def start() -> list[list[Created]]:
        return await asyncio.gather(*(apply_config(services, path) for _ in range(4)))

    created = [item for part in asyncio.run(start()) for item in part]
    assert len(created) == len({(item.kind, item.name) for item in created}) == 6
