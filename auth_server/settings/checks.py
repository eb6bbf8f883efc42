"""What no single setting can say: which of them do not fit together."""

from __future__ import annotations

from auth_server.settings.settings import Settings
from auth_server.settings.table import PREFIX
from shared import jose


def find_faults(settings: Settings) -> list[str]:
    """Return a sentence for each combination that does not start."""
    faults = [f"{PREFIX}{fault}" for fault in settings.key_policy.issuer_faults(settings.key_rotation_period)]
    if not settings.is_sqlite and not settings.key_encryption_keys:
        faults.append(
            f"{PREFIX}KEY_ENCRYPTION_KEYS must be given with PostgreSQL, so that replicas agree;"
            " auth-server key generate-encryption-key makes one"
        )
    faults += _custodian_faults(settings)
    if settings.refresh_idle_lifetime > settings.refresh_lifetime:
        faults.append(f"{PREFIX}REFRESH_IDLE_LIFETIME must be at most {PREFIX}REFRESH_LIFETIME")
    if settings.session_idle_lifetime > settings.session_lifetime:
        faults.append(f"{PREFIX}SESSION_IDLE_LIFETIME must be at most {PREFIX}SESSION_LIFETIME")
    if 0 < settings.refresh_retry_grace < settings.refresh_quiet_window:
        faults.append(f"{PREFIX}REFRESH_RETRY_GRACE must be 0 (strict) or at least {PREFIX}REFRESH_QUIET_WINDOW")
    if settings.management_port is not None and settings.workers > 1:
        faults.append(f"{PREFIX}MANAGEMENT_PORT needs {PREFIX}WORKERS=1: run more containers instead of more workers")
    if settings.demo and not settings.is_loopback:
        faults.append(f"{PREFIX}DEMO is for an issuer on this machine itself")
    return faults


def _custodian_faults(settings: Settings) -> list[str]:
    pkcs11 = (settings.pkcs11_module, settings.pkcs11_token, settings.pkcs11_pin)
    faults = []
    if any(pkcs11) and not all(pkcs11):
        faults.append(f"{PREFIX}PKCS11_MODULE, {PREFIX}PKCS11_TOKEN and {PREFIX}PKCS11_PIN must be given together")
    if settings.key_custodian == "pkcs11" and not any(pkcs11):
        faults.append(f"{PREFIX}KEY_CUSTODIAN=pkcs11 needs {PREFIX}PKCS11_MODULE, {PREFIX}PKCS11_TOKEN and {PREFIX}PKCS11_PIN")
    if settings.aws_kms_endpoint and not settings.aws_kms_region:
        faults.append(f"{PREFIX}AWS_KMS_ENDPOINT needs {PREFIX}AWS_KMS_REGION")
    if settings.key_custodian == "aws_kms" and not settings.aws_kms_region:
        faults.append(f"{PREFIX}KEY_CUSTODIAN=aws_kms needs {PREFIX}AWS_KMS_REGION")
    if settings.key_custodian == "aws_kms" and jose.ED25519 in settings.signing_algorithms:
        faults.append(
            f"{PREFIX}SIGNING_ALGORITHMS must not hold {jose.ED25519} with {PREFIX}KEY_CUSTODIAN=aws_kms: it makes no such keys"
        )
    return faults
