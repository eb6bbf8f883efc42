"""The faults of a declarative file: all at once, each by its place with what would be right, none with a secret, and nothing created."""

from __future__ import annotations

from pathlib import Path

import pytest

from auth_server.cli.config_file import ConfigRefused, load_config
from auth_server.services import Services
from shared.jose import ALGORITHMS
from tests.auth_server.cli.config_files import HASH, PASSWORD, WHOLE, apply, faults_of, written


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
    assert faults_of(tmp_path, text) == [fault]


def test_only_algorithms_of_the_server_may_be_asked_for(services: Services, tmp_path: Path) -> None:
    text = """[[resources]]
identifier = "http://localhost:8001"
signing_alg = "ES256"
[[clients]]
client_id = "app"
signing_alg = "HS256"
"""
    assert faults_of(tmp_path, text) == [f"clients[0]: signing_alg must be one of {', '.join(sorted(ALGORITHMS))}"]
    with pytest.raises(ConfigRefused) as refusal:
        apply(services, written(tmp_path, text))

    assert ["AUTH_SERVER_SIGNING_ALGORITHMS" in fault for fault in refusal.value.sentences] == [True, False]
    assert all("signing_alg" in fault for fault in refusal.value.sentences)


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    assert (
        len(faults_of(tmp_path, '[[user]]\n[[roles]]\n[[clients]]\nclient_id = "a"\nsecret_file = "none"\ngrants = ["x"]\n')) == 4
    )


@pytest.mark.parametrize("text", ["[[", '[[roles]]\nname = "a"\nname = "b"', "\x00"])
def test_what_is_no_toml_is_one_fault(text: str, tmp_path: Path) -> None:
    assert len(faults_of(tmp_path, text)) == 1


def test_a_file_that_is_not_there_or_not_text_is_one_fault(tmp_path: Path) -> None:
    with pytest.raises(ConfigRefused):
        load_config(tmp_path / "none.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigRefused):
        load_config(tmp_path / "binary.toml")


def test_no_fault_repeats_a_secret(tmp_path: Path) -> None:
    text = '[[users]]\nusername = "a"\npassword = "hush-hush"\npassword_hash = "hush-hush"\npassword_file = "password"\n'

    assert not any("hush-hush" in fault or PASSWORD in fault for fault in faults_of(tmp_path, text))


@pytest.mark.parametrize(
    "digest", ["hush", "$argon2i$v=19$m=8,t=1,p=1$c2FsdHNhbHRzYWx0c2E$abc", HASH.replace("m=8", "m=99999999")]
)
def test_only_an_affordable_argon2id_digest_is_accepted(digest: str, tmp_path: Path) -> None:
    assert len(faults_of(tmp_path, f'[[users]]\nusername = "a"\npassword_hash = "{digest}"\n')) == 1


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
    path = written(tmp_path, WHOLE.replace('username = "bob"', f'username = "bob"\n{wrong}'))

    with pytest.raises(ConfigRefused) as refusal:
        apply(services, path)

    assert refusal.value.sentences[0] == f"{path}: {fault}"
    assert services.store.read_blocking(lambda tx: tx.resources.all()) == {}
    assert services.store.read_blocking(lambda tx: tx.roles.all()) == {}


def test_a_default_resource_must_be_there_or_declared(services: Services, tmp_path: Path) -> None:
    path = written(tmp_path, '[[clients]]\nclient_id = "a"\ndefault_resource = "http://nowhere"\n')

    with pytest.raises(ConfigRefused):
        apply(services, path)

    assert services.store.read_blocking(lambda tx: tx.clients.find("a")) is None


def test_an_address_that_is_verified_for_somebody_else_is_a_fault(services: Services, tmp_path: Path) -> None:
    text = '[[users]]\nusername = "{}"\nemail = "a@example.com"\nemail_verified = true\n'
    apply(services, written(tmp_path, text.format("alice")))

    with pytest.raises(ConfigRefused):
        apply(services, written(tmp_path, text.format("bob")))


def test_a_weak_password_of_somebody_who_exists_is_no_fault(services: Services, tmp_path: Path) -> None:
    apply(services, written(tmp_path, '[[users]]\nusername = "alice"\n'))

    assert apply(services, written(tmp_path, '[[users]]\nusername = "alice"\npassword_file = "weak"\n')) == []
