"""The custodian that the settings choose, and the settings that make no choice."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from auth_server.keys.custodians.aws_kms import AwsKmsAccess
from auth_server.keys.custodians.pkcs11 import Pkcs11Access
from auth_server.keys.custodians.registry import all_custodians
from auth_server.keys.sealing import KeyEncryptionKeys
from auth_server.protocol.secret import Secret
from auth_server.services import Services, build_services
from auth_server.settings import PREFIX, TABLE, load
from shared.settings import SettingsError
from tests.support.custodians import CUSTODIANS
from tests.support.databases import Database
from tests.support.hsm import PIN
from tests.support.keys import ISSUER, KEK, header_of, is_signed_by

PKCS11 = {"PKCS11_MODULE": "/usr/lib/hsm.so", "PKCS11_TOKEN": "token", "PKCS11_PIN": PIN}


def environment(**named: str) -> dict[str, str]:
    return {f"{PREFIX}{name}": value for name, value in named.items()}


@pytest.fixture
def words_for(request: pytest.FixtureRequest) -> Callable[[str], Mapping[str, str]]:
    def find(name: str) -> Mapping[str, str]:
        if name == "pkcs11":
            hsm: Pkcs11Access = request.getfixturevalue("hsm")
            return {"PKCS11_MODULE": hsm.module, "PKCS11_TOKEN": hsm.token, "PKCS11_PIN": hsm.pin.reveal()}
        if name == "aws_kms":
            kms: AwsKmsAccess = request.getfixturevalue("kms")
            return {"AWS_KMS_REGION": kms.region}
        return {}

    return find


async def started(database: Database, folder: Path, **named: str) -> Services:
    services = build_services(load(environment(DATA_DIR=str(folder), **named)), store=database.store())
    await services.start()
    return services


@pytest.mark.parametrize("name", CUSTODIANS)
async def test_the_server_signs_with_the_custodian_that_is_chosen(
    name: str, words_for: Callable[[str], Mapping[str, str]], database: Database, tmp_path: Path
) -> None:
    services = await started(database, tmp_path, KEY_CUSTODIAN=name, **words_for(name))

    token = await services.keyring.sign({"sub": "alice"}, "at+jwt")

    keys = {key.kid: key for key in services.store.read_blocking(lambda tx: tx.signing_keys.every())}
    assert {key.custodian for key in keys.values()} == {name}
    assert is_signed_by(token, keys[header_of(token)["kid"]].public_jwk)
    services.close()


@pytest.mark.parametrize("name", ["pkcs11", "aws_kms"])
async def test_keys_move_to_another_custodian_with_the_rotation(
    name: str, words_for: Callable[[str], Mapping[str, str]], database: Database, tmp_path: Path
) -> None:
    """The keys that are there go on signing until their time; only new ones are made by the custodian that is chosen now."""
    before = await started(database, tmp_path)
    first = header_of(await before.keyring.sign({}, "at+jwt"))["kid"]
    before.close()

    after = await started(database, tmp_path, KEY_CUSTODIAN=name, **words_for(name))
    for _ in range(2):
        assert header_of(await after.keyring.sign({}, "at+jwt"))["kid"]
        await after.rings.default.rotate_now(emergency=True)
        await after.keyring.refresh()

    keys = {key.kid: key for key in after.store.read_blocking(lambda tx: tx.signing_keys.every())}
    token = await after.keyring.sign({}, "at+jwt")
    assert keys[first].custodian == "local"
    assert keys[header_of(token)["kid"]].custodian == name
    assert is_signed_by(token, keys[header_of(token)["kid"]].public_jwk)
    after.close()


def test_every_custodian_there_is_can_be_chosen() -> None:
    choose = next(row.parse for row in TABLE if row.name == "KEY_CUSTODIAN")
    access = {"pkcs11": Pkcs11Access("", "", Secret("")), "aws_kms": AwsKmsAccess("")}

    names = all_custodians(issuer=ISSUER, key_encryption_keys=KeyEncryptionKeys([KEK]), **access)  # type: ignore[arg-type]

    assert [choose(name) for name in names] == list(CUSTODIANS)


@pytest.mark.parametrize(
    "given, fault",
    [
        ({"KEY_CUSTODIAN": "hsm"}, "must be one of local, pkcs11, aws_kms"),
        ({"KEY_CUSTODIAN": "pkcs11"}, "needs AUTH_SERVER_PKCS11_MODULE"),
        ({"PKCS11_MODULE": "/usr/lib/hsm.so", "PKCS11_TOKEN": "token"}, "must be given together"),
        ({"KEY_CUSTODIAN": "aws_kms"}, "needs AUTH_SERVER_AWS_KMS_REGION"),
        ({"AWS_KMS_ENDPOINT": "https://vpce.example"}, "needs AUTH_SERVER_AWS_KMS_REGION"),
        ({"AWS_KMS_REGION": "eu-central-1", "AWS_KMS_ENDPOINT": "http://vpce.example"}, "must be https"),
        ({"KEY_CUSTODIAN": "aws_kms", "AWS_KMS_REGION": "eu-central-1", "SIGNING_ALGORITHMS": "Ed25519"}, "makes no such keys"),
    ],
)
def test_a_choice_that_cannot_work_does_not_start(given: dict[str, str], fault: str) -> None:
    with pytest.raises(SettingsError) as refused:
        load(environment(**given))

    assert [fault in told for told in refused.value.faults] == [True]


def test_a_custodian_may_be_reached_without_being_chosen() -> None:
    """What it made before goes on signing until it is rotated away."""
    settings = load(environment(**PKCS11, AWS_KMS_REGION="eu-central-1"))

    assert (settings.key_custodian, settings.pkcs11_token, settings.aws_kms_region) == ("local", "token", "eu-central-1")


def test_the_pin_may_come_from_a_file_and_is_never_told(tmp_path: Path) -> None:
    file = tmp_path / "pin"
    file.write_text(f"{PIN}\n", encoding="ascii")
    words = {name: value for name, value in PKCS11.items() if name != "PKCS11_PIN"}

    settings = load(environment(**words, PKCS11_PIN_FILE=str(file)))

    assert settings.pkcs11_pin == PIN
    assert PIN not in repr(settings)
