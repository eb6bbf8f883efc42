"""The effective settings, as a value."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from shared import settings as read
from shared.key_policy import KeyPolicy


@dataclass(frozen=True, slots=True)
class Settings:
    """The effective settings. Durations are seconds. `repr` hides what is secret."""

    issuer: str
    host: str
    port: int
    workers: int
    management_port: int | None
    data_dir: Path
    database_url: str
    key_encryption_keys: tuple[str, ...] | None
    signing_algorithms: tuple[str, ...]
    key_custodian: str
    pkcs11_module: str | None
    pkcs11_token: str | None
    pkcs11_pin: str | None
    aws_kms_region: str | None
    aws_kms_endpoint: str | None
    config: Path | None
    default_resource: str | None
    registration: str
    cookie_origins: tuple[str, ...]
    trusted_proxies: tuple[str, ...]
    key_policy: KeyPolicy
    key_rotation_period: float
    revocation_feed_access: str
    revocation_feed_waiters: int
    status_list: bool
    status_list_ttl: int
    refresh_quiet_window: float
    refresh_retry_grace: float
    refresh_suspicious_replays: str
    refresh_idle_lifetime: float
    refresh_lifetime: float
    session_idle_lifetime: float
    session_lifetime: float
    code_lifetime: float
    device_code_lifetime: int
    token_exchange: bool
    shared_signals: bool
    dynamic_registration: str
    registration_unused_after: float
    client_id_metadata: bool
    registration_domains: tuple[str, ...]
    smtp_url: str
    mail_from: str
    brand_name: str
    brand_color: str
    brand_logo: Path | None
    terms_url: str | None
    privacy_url: str | None
    demo: bool
    log_level: str
    warnings: tuple[str, ...]

    def __repr__(self) -> str:
        return f"Settings(issuer={self.issuer!r})"

    @property
    def is_loopback(self) -> bool:
        """Say whether the issuer is this machine itself."""
        return read.is_loopback(urlsplit(self.issuer).hostname)

    @property
    def is_sqlite(self) -> bool:
        """Say whether the embedded database is used."""
        return self.database_url.startswith("sqlite")
