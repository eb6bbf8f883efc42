"""AWS KMS in this process: moto, and in a few places what it leaves out of the real service.

moto 5.2 signs a digest as if it were a message, salts PSS with as much as fits, lets a key sign that is being deleted, deletes it a
second time, and knows it then by its id alone. AWS is otherwise (API reference, Sign and ScheduleKeyDeletion; developer guide, "Key
states of AWS KMS keys").
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Final
from unittest.mock import patch

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from auth_server.keys.custodians.aws_kms import AwsKmsAccess

REGION: Final = "eu-central-1"
_SHA256: Final = Prehashed(hashes.SHA256())
_WAYS: Final[dict[str, tuple[Any, ...]]] = {
    "RSASSA_PKCS1_V1_5_SHA_256": (padding.PKCS1v15(), _SHA256),
    "RSASSA_PSS_SHA_256": (padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH), _SHA256),
    "ECDSA_SHA_256": (ec.ECDSA(_SHA256),),
}


@contextmanager
def a_kms() -> Iterator[AwsKmsAccess]:
    """Let boto3 find an empty KMS, with credentials that are good nowhere else."""
    from moto import mock_aws
    from moto.core.exceptions import JsonRESTError
    from moto.kms.exceptions import ValidationException
    from moto.kms.models import KmsBackend
    from moto.kms.responses import KmsResponse

    answer, delete = KmsResponse.sign, KmsBackend.schedule_key_deletion

    def schedule_key_deletion(self: Any, key_id: str, pending_window_in_days: int) -> float:
        key = self.describe_key(key_id)
        if key.key_state == "PendingDeletion":
            raise JsonRESTError("KMSInvalidStateException", f"{key.arn} is pending deletion.")
        return delete(self, key.id, pending_window_in_days)

    def sign(self: Any, key_id: str, message: bytes, signing_algorithm: str) -> tuple[str, bytes, str]:
        key = self.describe_key(key_id)
        if key.key_state != "Enabled":
            raise JsonRESTError("KMSInvalidStateException", f"{key.arn} is {key.key_state}.")
        if signing_algorithm not in key.signing_algorithms or len(message) != hashes.SHA256.digest_size:
            raise ValidationException("Digest is invalid length for algorithm, or the algorithm is not the key's.")
        return key.arn, key.private_key.private_key.sign(message, *_WAYS[signing_algorithm]), signing_algorithm

    def only_digests(self: Any) -> str:
        if self._get_param("MessageType") != "DIGEST":
            raise ValidationException("this stand-in signs digests alone")
        return answer(self)

    with ExitStack() as stack:
        stack.enter_context(mock_aws())
        stack.enter_context(patch.object(KmsBackend, "sign", sign))
        stack.enter_context(patch.object(KmsBackend, "schedule_key_deletion", schedule_key_deletion))
        stack.enter_context(patch.object(KmsResponse, "sign", only_digests))
        yield AwsKmsAccess(REGION)


def keys_by_state() -> dict[str, list[str]]:
    """Return the descriptions of all keys there are, by their state."""
    import boto3.session

    kms = boto3.session.Session().client("kms", region_name=REGION)
    found: dict[str, list[str]] = {}
    for listed in kms.list_keys()["Keys"]:
        key = kms.describe_key(KeyId=listed["KeyId"])["KeyMetadata"]
        found.setdefault(key["KeyState"], []).append(key["Description"])
    return found
