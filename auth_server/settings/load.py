"""Read the settings; the only place of the auth server that reads the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from auth_server.settings.checks import find_faults
from auth_server.settings.settings import Settings
from auth_server.settings.table import PREFIX, TABLE
from shared import settings as read
from shared.key_policy import KeyPolicy
from shared.settings import Loaded, SettingsError


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from the environment (or from `environ`).

    Raises:
        SettingsError: with every fault at once.
    """
    return _checked(_loaded(os.environ if environ is None else environ))


def effective(environ: Mapping[str, str] | None = None) -> list[tuple[str, str, bool, str]]:
    """Return a row for each setting: full name, value with secrets masked, whether it was given, meaning.

    Raises:
        SettingsError: with every fault at once.
    """
    loaded = _loaded(os.environ if environ is None else environ)
    _checked(loaded)
    return [
        (PREFIX + row.name, read.masked(row, loaded.values[row.name]), row.name in loaded.given, row.meaning) for row in TABLE
    ]


def _loaded(environ: Mapping[str, str]) -> Loaded:
    return read.load(PREFIX, TABLE, environ, lambda path: Path(path).read_text(encoding="utf-8"))


def _checked(loaded: Loaded) -> Settings:
    value = loaded.values
    issuer = str(value["ISSUER"])
    loopback = read.is_loopback(urlsplit(issuer).hostname)
    settings = Settings(
        issuer=issuer,
        host=value["HOST"],
        port=value["PORT"],
        workers=value["WORKERS"],
        management_port=value["MANAGEMENT_PORT"],
        data_dir=value["DATA_DIR"],
        database_url=value["DATABASE_URL"] or f"sqlite:///{value['DATA_DIR'] / 'auth_server.db'}",
        key_encryption_keys=value["KEY_ENCRYPTION_KEYS"],
        signing_algorithms=value["SIGNING_ALGORITHMS"],
        key_custodian=value["KEY_CUSTODIAN"],
        pkcs11_module=value["PKCS11_MODULE"],
        pkcs11_token=value["PKCS11_TOKEN"],
        pkcs11_pin=value["PKCS11_PIN"],
        aws_kms_region=value["AWS_KMS_REGION"],
        aws_kms_endpoint=value["AWS_KMS_ENDPOINT"],
        config=value["CONFIG"],
        default_resource=value["DEFAULT_RESOURCE"],
        registration=value["REGISTRATION"] or ("open" if loopback else "closed"),
        cookie_origins=value["COOKIE_ORIGINS"] or (issuer,),
        trusted_proxies=value["TRUSTED_PROXIES"],
        key_policy=_key_policy(value),
        key_rotation_period=value["KEY_ROTATION_PERIOD"],
        **_revocation(value),
        refresh_quiet_window=value["REFRESH_QUIET_WINDOW"],
        refresh_retry_grace=value["REFRESH_RETRY_GRACE"],
        refresh_suspicious_replays=value["REFRESH_SUSPICIOUS_REPLAYS"],
        refresh_idle_lifetime=value["REFRESH_IDLE_LIFETIME"],
        refresh_lifetime=value["REFRESH_LIFETIME"],
        session_idle_lifetime=value["SESSION_IDLE_LIFETIME"],
        session_lifetime=value["SESSION_LIFETIME"],
        code_lifetime=value["CODE_LIFETIME"],
        device_code_lifetime=value["DEVICE_CODE_LIFETIME"],
        token_exchange=value["TOKEN_EXCHANGE"],
        shared_signals=value["SHARED_SIGNALS"],
        dynamic_registration=value["DYNAMIC_REGISTRATION"],
        registration_unused_after=value["REGISTRATION_UNUSED_AFTER"],
        client_id_metadata=value["CLIENT_ID_METADATA"],
        **_pages_and_mail(value, issuer),
        log_level=value["LOG_LEVEL"],
        warnings=(*loaded.warnings, *_mail_warnings(value, loopback=loopback)),
    )
    if faults := find_faults(settings):
        raise SettingsError(faults)
    return settings


def _revocation(value: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "revocation_feed_access": value["REVOCATION_FEED_ACCESS"],
        "revocation_feed_waiters": value["REVOCATION_FEED_WAITERS"],
        "status_list": value["STATUS_LIST"],
        "status_list_ttl": value["STATUS_LIST_TTL"],
    }


def _pages_and_mail(value: Mapping[str, Any], issuer: str) -> dict[str, Any]:
    return {
        "registration_domains": value["REGISTRATION_DOMAINS"],
        "smtp_url": value["SMTP_URL"] or "console:",
        "mail_from": value["MAIL_FROM"] or f"{value['BRAND_NAME']} <no-reply@{urlsplit(issuer).hostname}>",
        "brand_name": value["BRAND_NAME"],
        "brand_color": value["BRAND_COLOR"],
        "brand_logo": value["BRAND_LOGO"],
        "terms_url": value["TERMS_URL"],
        "privacy_url": value["PRIVACY_URL"],
        "demo": value["DEMO"],
    }


def _mail_warnings(value: Mapping[str, Any], *, loopback: bool) -> tuple[str, ...]:
    if loopback or value["SMTP_URL"] not in (None, "console:"):
        return ()
    return (f"mail is printed on standard output, with links that let people in: set {PREFIX}SMTP_URL",)


def _key_policy(value: Mapping[str, Any]) -> KeyPolicy:
    return KeyPolicy(
        access_token_lifetime=value["ACCESS_TOKEN_LIFETIME"],
        clock_error=value["CLOCK_ERROR"],
        jwks_max_age=value["JWKS_MAX_AGE"],
        publish_ahead=value["KEY_PUBLISH_AHEAD"],
        retire_after=value["KEY_RETIRE_AFTER"],
        sign_lease=value["KEY_SIGN_LEASE"],
        view_lease=value["KEY_VIEW_LEASE"],
    )
