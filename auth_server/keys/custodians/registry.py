"""The custodians there are."""

from __future__ import annotations

from collections.abc import Mapping

from auth_server.keys.custodians.aws_kms import AwsKmsAccess, AwsKmsCustodian
from auth_server.keys.custodians.contract import Custodian
from auth_server.keys.custodians.local import LocalCustodian
from auth_server.keys.custodians.pkcs11 import Pkcs11Access, Pkcs11Custodian
from auth_server.keys.sealing import KeyEncryptionKeys


def all_custodians(
    *,
    issuer: str,
    key_encryption_keys: KeyEncryptionKeys,
    pkcs11: Pkcs11Access | None = None,
    aws_kms: AwsKmsAccess | None = None,
) -> Mapping[str, Custodian]:
    """Return every custodian that there is access to by its name, as `signing_key.custodian` spells it.

    Nothing is connected yet. Which of them makes new keys is the rotation's to know: keys of the others go on signing and verifying
    until they are rotated away.
    """
    members: list[Custodian] = [
        LocalCustodian(issuer=issuer, key_encryption_keys=key_encryption_keys),
        *([Pkcs11Custodian(pkcs11)] if pkcs11 else []),
        *([AwsKmsCustodian(aws_kms, issuer=issuer)] if aws_kms else []),
    ]
    return {member.name: member for member in members}
