"""The custodians there are."""

from __future__ import annotations

from collections.abc import Mapping

from auth_server.keys.custodians.contract import Custodian
from auth_server.keys.custodians.local import LocalCustodian
from auth_server.keys.sealing import KeyEncryptionKeys


def all_custodians(*, issuer: str, key_encryption_keys: KeyEncryptionKeys) -> Mapping[str, Custodian]:
    """Return every custodian by its name, as `signing_key.custodian` spells it."""
    members: list[Custodian] = [
        LocalCustodian(issuer=issuer, key_encryption_keys=key_encryption_keys),
    ]
    return {member.name: member for member in members}
