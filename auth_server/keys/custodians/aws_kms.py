"""Private keys in AWS KMS: one asymmetric KMS key for each signing key, which never leaves it.

Only digests go there. Credentials are found the way every AWS program finds them: the environment, a profile, the role of the machine.

Source: AWS KMS API reference, version 2014-11-01: CreateKey, DescribeKey, GetPublicKey, Sign, ScheduleKeyDeletion.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, ClassVar, Final

from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from auth_server.keys.custodians.contract import Custodian, Signer
from auth_server.keys.public_half import check_pair, public_jwk_of_der
from auth_server.protocol.errors import KeyUnavailable
from auth_server.store.signing_keys import NewKey, SigningKey
from shared.jose import ES256, PS256, RS256

# The least that AWS allows. Within these days an operator can still take a deletion back.
DELETION_DAYS: Final = 7
# For each algorithm the KMS key spec, and the signing algorithm.
_SPECS: Final[dict[str, tuple[str, str]]] = {
    RS256: ("RSA_2048", "RSASSA_PKCS1_V1_5_SHA_256"),
    PS256: ("RSA_2048", "RSASSA_PSS_SHA_256"),
    ES256: ("ECC_NIST_P256", "ECDSA_SHA_256"),
}
# Deleted, or waiting for it: a key of ours is in no other state that forbids its deletion.
_GONE: Final = frozenset({"NotFoundException", "KMSInvalidStateException"})
_COORDINATE_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class AwsKmsAccess:
    """Where the keys are: the region, and an endpoint where it is not the region's public one (a VPC endpoint)."""

    region: str
    endpoint: str | None = None


class AwsKmsCustodian(Custodian):
    """Keys that AWS KMS makes and keeps. A row's `private_ref` is the key's ARN.

    Args:
        issuer: stands in the key's description, for the operator who finds it in the console.
    """

    name: ClassVar[str] = "aws_kms"

    def __init__(self, access: AwsKmsAccess, *, issuer: str) -> None:
        self._service = _Kms(access)
        self._region = access.region
        self._issuer = issuer

    def generate(self, ring: str, alg: str) -> NewKey:
        if alg not in _SPECS:
            raise KeyUnavailable(f"AWS KMS makes no key for the algorithm {alg}")
        made = self._service.call(
            "create_key",
            KeySpec=_SPECS[alg][0],
            KeyUsage="SIGN_VERIFY",
            Description=f"Sealwright signing key of {self._issuer}, ring {ring}, {alg}",
        )
        arn = str(made["KeyMetadata"]["Arn"])
        try:
            public_jwk = self._public_jwk(alg, arn)
        except KeyUnavailable:
            # A key that nobody knows of would be paid for all the same.
            with contextlib.suppress(KeyUnavailable):
                self._service.delete(arn)
            raise
        return NewKey(
            kid=public_jwk["kid"],
            ring=ring,
            alg=alg,
            public_jwk=public_jwk,
            custodian=self.name,
            private_ref=arn.encode(),
            kek_id=None,
        )

    def load(self, key: SigningKey) -> Signer:
        if key.alg not in _SPECS:
            raise KeyUnavailable(f"AWS KMS does not sign with the algorithm {key.alg} here")
        arn = self._arn_of(key)
        state = self._service.call("describe_key", KeyId=arn)["KeyMetadata"]["KeyState"]
        if state != "Enabled":
            raise KeyUnavailable(f"the KMS key of {key.kid} is not enabled: {state}")
        if self._public_jwk(key.alg, arn)["kid"] != key.kid:
            raise KeyUnavailable(f"the row of {key.kid} names another KMS key")
        signer = _AwsKmsSigner(self._service, arn, key.alg)
        check_pair(key, signer)
        return signer

    def destroy(self, key: SigningKey | NewKey) -> None:
        """Schedule the deletion of the KMS key. From then on it signs nothing."""
        self._service.delete(self._arn_of(key))

    def _arn_of(self, key: SigningKey | NewKey) -> str:
        if key.private_ref is None:
            raise KeyUnavailable(f"the private half of {key.kid} is erased")
        arn = key.private_ref.decode()
        # Asked about a key of another region, KMS says that there is none; it would then be taken for one that is deleted.
        if f":kms:{self._region}:" not in arn:
            raise KeyUnavailable(f"the KMS key of {key.kid} is not in the region {self._region}")
        return arn

    def _public_jwk(self, alg: str, arn: str) -> dict[str, str]:
        try:
            return public_jwk_of_der(alg, self._service.call("get_public_key", KeyId=arn)["PublicKey"])
        except ValueError as error:
            raise KeyUnavailable(f"the KMS key is of no use for {alg}") from error


class _AwsKmsSigner:
    """A KMS key by its ARN, and the way there."""

    __slots__ = ("_alg", "_arn", "_service")
    is_local: ClassVar[bool] = False

    def __init__(self, service: _Kms, arn: str, alg: str) -> None:
        self._service = service
        self._arn = arn
        self._alg = alg

    def sign(self, signing_input: bytes) -> bytes:
        answer = self._service.call(
            "sign",
            KeyId=self._arn,
            Message=sha256(signing_input).digest(),
            # A message itself may have 4 KiB at most, and has no business there.
            MessageType="DIGEST",
            SigningAlgorithm=_SPECS[self._alg][1],
        )
        signature = bytes(answer["Signature"])
        return _raw(signature) if self._alg == ES256 else signature

    def __repr__(self) -> str:
        return "<aws_kms signer>"


class _Refused(KeyUnavailable):
    """AWS KMS answered, and said no; `code` is its error code."""

    def __init__(self, operation: str, code: str) -> None:
        # Not the message beside it: that names accounts and roles.
        super().__init__(f"AWS KMS refused {operation}: {code}")
        self.code = code


class _Kms:
    """The client of one region, made on first use; its calls end within seconds."""

    def __init__(self, access: AwsKmsAccess) -> None:
        self._access = access
        self._lock = threading.Lock()
        self._client: Any = None

    def call(self, operation: str, **parameters: object) -> Mapping[str, Any]:
        """Call an operation by its name in the client.

        Raises:
            KeyUnavailable: no answer, or a refusal.
        """
        no_answer, refusal = _errors()
        try:
            answer: Mapping[str, Any] = getattr(self._connected(), operation)(**parameters)
        except refusal as error:
            raise _Refused(operation, str(error.response.get("Error", {}).get("Code", "unknown"))) from error
        except no_answer as error:
            raise KeyUnavailable(f"AWS KMS did not answer {operation}: {type(error).__name__}") from error
        return answer

    def delete(self, arn: str) -> None:
        """Schedule a key's deletion; no fault when it is scheduled or done already.

        Raises:
            KeyUnavailable: like `call`.
        """
        try:
            self.call("schedule_key_deletion", KeyId=arn, PendingWindowInDays=DELETION_DAYS)
        except _Refused as refusal:
            if refusal.code not in _GONE:
                raise

    def _connected(self) -> Any:
        with self._lock:
            if self._client is None:
                self._client = _client(self._access)
            return self._client


def _raw(signature: bytes) -> bytes:
    """Return an ECDSA signature as JWS has it: r and s, 32 bytes each, instead of DER (RFC 7518 section 3.4)."""
    try:
        return b"".join(number.to_bytes(_COORDINATE_BYTES, "big") for number in decode_dss_signature(signature))
    except (ValueError, OverflowError) as error:
        raise KeyUnavailable("AWS KMS answered with something that is no ECDSA signature") from error


def _client(access: AwsKmsAccess) -> Any:
    import boto3.session
    from botocore.config import Config

    # The keyring waits five seconds for a signature: one that was lost on the way is asked for once more within that.
    config = Config(
        connect_timeout=1, read_timeout=2, retries={"mode": "standard", "total_max_attempts": 2}, max_pool_connections=16
    )
    return boto3.session.Session().client("kms", region_name=access.region, endpoint_url=access.endpoint, config=config)


def _errors() -> tuple[type[Exception], Any]:
    """Return what boto3 raises when there is no answer, and when it is a refusal; the package is an extra."""
    try:
        import boto3.session  # noqa: F401
        from botocore.exceptions import BotoCoreError, ClientError
    except ImportError as error:
        raise KeyUnavailable("keys in AWS KMS need the package boto3: pip install 'sealwright[aws-kms]'") from error
    return BotoCoreError, ClientError
