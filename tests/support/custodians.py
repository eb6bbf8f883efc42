"""Every custodian as the conformance suite meets it: as one process sees it, and as one from which it is away sees it."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import pytest

from auth_server.keys.custodians.aws_kms import AwsKmsAccess
from auth_server.keys.custodians.contract import Custodian
from auth_server.keys.custodians.pkcs11 import Pkcs11Access
from auth_server.keys.custodians.registry import all_custodians
from auth_server.keys.sealing import KeyEncryptionKeys
from auth_server.store.signing_keys import KeyState, NewKey, SigningKey
from shared.jose import ED25519, ES256, PS256, RS256
from tests.support.keys import ISSUER, KEK, OTHER_KEK

CUSTODIANS = ("local", "pkcs11", "aws_kms")
# What each of them makes keys for: AWS KMS signs with Ed25519 only in ways that are no JWS.
MAKES = [
    *(("local", alg) for alg in (RS256, PS256, ES256, ED25519)),
    *(("pkcs11", alg) for alg in (RS256, PS256, ES256, ED25519)),
    *(("aws_kms", alg) for alg in (RS256, PS256, ES256)),
]


@dataclass(frozen=True)
class Home:
    """One custodian: its name, and the access that a process is configured with."""

    name: str
    keks: tuple[bytes, ...] = (KEK,)
    pkcs11: Pkcs11Access | None = field(default=None)
    aws_kms: AwsKmsAccess | None = field(default=None)

    def process(self) -> Mapping[str, Custodian]:
        """Return the custodians of one more process."""
        return all_custodians(
            issuer=ISSUER, key_encryption_keys=KeyEncryptionKeys(self.keks), pkcs11=self.pkcs11, aws_kms=self.aws_kms
        )

    def custodian(self) -> Custodian:
        """Return the custodian of one more process."""
        return self.process()[self.name]

    def away(self) -> Home:
        """Return the same custodian out of reach: another key encryption key, no such token, nobody at the endpoint."""
        return replace(
            self,
            keks=(OTHER_KEK,),
            pkcs11=self.pkcs11 and replace(self.pkcs11, token="not-plugged-in"),
            aws_kms=self.aws_kms and replace(self.aws_kms, endpoint=f"http://127.0.0.1:{_closed_port()}"),
        )


@pytest.fixture
def home_of(request: pytest.FixtureRequest) -> Callable[[str], Home]:
    def find(name: str) -> Home:
        # Only what is asked for is started: the others may not be installed.
        access = {"pkcs11": "hsm", "aws_kms": "kms"}.get(name)
        return Home(name, **({name: request.getfixturevalue(access)} if access else {}))

    return find


@pytest.fixture(params=CUSTODIANS)
def home(request: pytest.FixtureRequest, home_of: Callable[[str], Home]) -> Home:
    return home_of(request.param)


def stored(key: NewKey, **changes: object) -> SigningKey:
    """Return a new key as its row would have it."""
    made = SigningKey(
        kid=key.kid,
        ring=key.ring,
        state=KeyState.ACTIVE,
        alg=key.alg,
        public_jwk=key.public_jwk,
        custodian=key.custodian,
        private_ref=key.private_ref,
        kek_id=key.kek_id,
        created_at=0,
        published_at=0,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def _closed_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
