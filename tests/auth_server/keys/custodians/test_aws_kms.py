"""Keys in AWS KMS: what is asked for there, what is refused, and what is not told."""

from __future__ import annotations

import sys
from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest

from auth_server.keys.custodians import aws_kms as custodian_file
from auth_server.keys.custodians.aws_kms import AwsKmsAccess, AwsKmsCustodian
from auth_server.protocol.errors import KeyUnavailable
from shared.jose import ED25519, ES256, PS256, RS256
from tests.support.custodians import stored
from tests.support.keys import ISSUER
from tests.support.kms import REGION, keys_by_state


@pytest.fixture
def custodian(kms: AwsKmsAccess) -> AwsKmsCustodian:
    return AwsKmsCustodian(kms, issuer=ISSUER)


def client(custodian: AwsKmsCustodian) -> Any:
    return custodian._service._connected()


def refusing(monkeypatch: pytest.MonkeyPatch, operation: str, code: str) -> None:
    """Let the KMS refuse an operation, with what AWS says beside the code."""
    from moto.core.exceptions import JsonRESTError
    from moto.kms.responses import KmsResponse

    def refuse(self: Any) -> str:
        raise JsonRESTError(code, "User: arn:aws:iam::123456789012:user/canary is not authorized")

    monkeypatch.setattr(KmsResponse, operation, refuse)


@pytest.mark.parametrize("alg, spec", [(RS256, "RSA_2048"), (PS256, "RSA_2048"), (ES256, "ECC_NIST_P256")])
def test_a_key_is_made_for_signing_alone_and_says_whose_it_is(custodian: AwsKmsCustodian, alg: str, spec: str) -> None:
    key = custodian.generate("default", alg)

    found = client(custodian).describe_key(KeyId=key.private_ref.decode())["KeyMetadata"]
    assert (found["KeySpec"], found["KeyUsage"], found["KeyState"]) == (spec, "SIGN_VERIFY", "Enabled")
    assert found["Arn"].encode() == key.private_ref
    assert ISSUER in found["Description"]
    assert "default" in found["Description"]


def test_only_a_digest_is_sent(custodian: AwsKmsCustodian) -> None:
    """Claims are nobody else's business, and a message may have 4 KiB at most."""
    signer = custodian.load(stored(custodian.generate("default", RS256)))
    sent: list[dict[str, Any]] = []
    client(custodian).meta.events.register("provide-client-params.kms.Sign", lambda params, **_: sent.append(params))

    signer.sign(b"a" * 8000)

    assert [(call["Message"], call["MessageType"]) for call in sent] == [(sha256(b"a" * 8000).digest(), "DIGEST")]


def test_a_destroyed_key_waits_for_its_deletion(custodian: AwsKmsCustodian) -> None:
    key = custodian.generate("default", ES256)

    custodian.destroy(key)

    assert list(keys_by_state()) == ["PendingDeletion"]


def test_a_key_that_aws_has_deleted_by_now_is_no_fault(custodian: AwsKmsCustodian) -> None:
    key = custodian.generate("default", ES256)

    custodian.destroy(replace(key, private_ref=f"arn:aws:kms:{REGION}:123456789012:key/gone".encode()))


def test_a_deletion_that_is_refused_is_told(custodian: AwsKmsCustodian, monkeypatch: pytest.MonkeyPatch) -> None:
    key = custodian.generate("default", ES256)
    refusing(monkeypatch, "schedule_key_deletion", "AccessDeniedException")

    with pytest.raises(KeyUnavailable, match="AccessDenied"):
        custodian.destroy(key)


def test_a_key_whose_public_half_cannot_be_had_is_deleted_again(
    custodian: AwsKmsCustodian, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody would ever know of it, and somebody would pay for it."""
    refusing(monkeypatch, "get_public_key", "AccessDeniedException")

    with pytest.raises(KeyUnavailable):
        custodian.generate("default", ES256)

    assert list(keys_by_state()) == ["PendingDeletion"]


def test_a_refusal_names_its_code_and_nobody(custodian: AwsKmsCustodian, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is shown by readiness; what AWS says beside the code names accounts and roles."""
    refusing(monkeypatch, "create_key", "AccessDeniedException")

    with pytest.raises(KeyUnavailable) as refused:
        custodian.generate("default", ES256)

    assert "AccessDeniedException" in str(refused.value)
    assert "canary" not in str(refused.value)


def test_a_disabled_key_is_refused_and_says_so(custodian: AwsKmsCustodian) -> None:
    key = custodian.generate("default", ES256)
    client(custodian).disable_key(KeyId=key.private_ref.decode().rpartition("/")[2])

    with pytest.raises(KeyUnavailable, match="Disabled"):
        custodian.load(stored(key))


def test_a_key_of_another_region_is_neither_used_nor_taken_for_deleted(custodian: AwsKmsCustodian, kms: AwsKmsAccess) -> None:
    key = custodian.generate("default", ES256)
    elsewhere = AwsKmsCustodian(replace(kms, region="us-east-1"), issuer=ISSUER)

    with pytest.raises(KeyUnavailable, match="region"):
        elsewhere.load(stored(key))
    with pytest.raises(KeyUnavailable, match="region"):
        elsewhere.destroy(key)


@pytest.mark.parametrize("alg", [ED25519, "RS512"])
def test_what_kms_cannot_sign_as_a_jws_is_refused(custodian: AwsKmsCustodian, alg: str) -> None:
    key = stored(custodian.generate("default", ES256), alg=alg)

    with pytest.raises(KeyUnavailable):
        custodian.generate("default", alg)
    with pytest.raises(KeyUnavailable):
        custodian.load(key)


def test_a_key_of_another_type_is_refused(custodian: AwsKmsCustodian) -> None:
    with pytest.raises(KeyUnavailable, match="no use"):
        custodian.load(stored(custodian.generate("default", ES256), alg=RS256))


def test_without_credentials_it_is_a_refusal(
    kms: AwsKmsAccess, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    nowhere = str(tmp_path_factory.mktemp("empty") / "none")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, nowhere)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")

    with pytest.raises(KeyUnavailable, match="NoCredentials"):
        AwsKmsCustodian(kms, issuer=ISSUER).generate("default", ES256)


def test_an_answer_that_is_no_ecdsa_signature_is_refused() -> None:
    with pytest.raises(KeyUnavailable):
        custodian_file._raw(b"not DER")


def test_short_numbers_of_an_ecdsa_signature_keep_their_length() -> None:
    """RFC 7518 section 3.4: 32 bytes each, also when a number begins with zeros; DER leaves them out."""
    assert custodian_file._raw(bytes.fromhex("3006020101020102")) == bytes(31) + b"\x01" + bytes(31) + b"\x02"


def test_without_the_package_the_refusal_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    monkeypatch.setitem(sys.modules, "boto3.session", None)

    with pytest.raises(KeyUnavailable, match=r"pip install 'sealwright\[aws-kms\]'"):
        AwsKmsCustodian(AwsKmsAccess(REGION), issuer=ISSUER).generate("default", ES256)
