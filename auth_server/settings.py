"""Every setting of the auth server, in one table; the only place that reads the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from shared import jose
from shared import settings as read
from shared.key_policy import KeyPolicy
from shared.settings import Loaded, Setting, SettingsError

PREFIX: Final = "AUTH_SERVER_"
_DAY: Final = 86_400


def _issuer(value: str) -> str:
    read.server_url(value)
    parts = urlsplit(value)
    if parts.path:
        raise ValueError("must be scheme://host or scheme://host:port, with no path and no slash at its end")
    if parts.scheme != "https" and not read.is_loopback(parts.hostname):
        raise ValueError("must be https unless it is this machine itself (localhost, 127.0.0.1)")
    return value


def _database_url(value: str) -> str:
    if not value.startswith(("sqlite:///", "postgresql://", "postgres://", "postgresql+psycopg://")):
        raise ValueError("must be sqlite:///PATH or postgresql://USER:PASSWORD@HOST/NAME")
    return value


def _algorithms(value: str) -> tuple[str, ...]:
    named = tuple(dict.fromkeys(read.words(value)))
    if not named or not jose.ALGORITHMS.issuperset(named):
        raise ValueError(f"must be one or more of {', '.join(sorted(jose.ALGORITHMS))}, the default one first")
    return named


def _secure_url(value: str) -> str:
    read.server_url(value)
    parts = urlsplit(value)
    if parts.scheme != "https" and not read.is_loopback(parts.hostname):
        raise ValueError("must be https unless it is this machine itself")
    return value


_seconds = read.seconds
TABLE: Final = (
    Setting("ISSUER", _issuer, "http://localhost:8000", "the exact `iss` of every token; never derived from a request"),
    Setting("HOST", read.text, "127.0.0.1", "address to listen on; the loopback default answers as localhost and 127.0.0.1"),
    Setting("PORT", read.whole(0, 65_535), 8000, "port to listen on; 0 takes a free one"),
    Setting("WORKERS", read.whole(1, 64), 1, "processes that serve; each is a replica of its own"),
    Setting(
        "MANAGEMENT_PORT",
        read.whole(0, 65_535),
        None,
        "a port of its own for health and version",
        default_text="the same listener",
    ),
    Setting("DATA_DIR", Path, Path("data"), "directory of the SQLite file and the generated keys (mode 0700)"),
    Setting(
        "DATABASE_URL",
        _database_url,
        None,
        "database; postgresql://… in production",
        secret=True,
        default_text="SQLite in the data directory",
    ),
    Setting(
        "KEY_ENCRYPTION_KEYS",
        read.words,
        None,
        "keys that seal private keys at rest: the first seals, all open; rotate by prepending",
        secret=True,
        default_text="SQLite: made in the data directory; PostgreSQL: must be given",
    ),
    Setting(
        "SIGNING_ALGORITHMS",
        _algorithms,
        (jose.RS256,),
        "signature algorithms, each with keys of its own; the first is for whatever asks for none. Ask for another one a "
        "`KEY_PUBLISH_AHEAD` after it was added",
    ),
    Setting(
        "KEY_CUSTODIAN",
        read.choice("local", "pkcs11", "aws_kms"),
        "local",
        "who makes and keeps new private keys: the server itself (sealed, in its database), an HSM, or AWS KMS",
    ),
    Setting("PKCS11_MODULE", read.text, None, "path of the HSM's PKCS#11 library"),
    Setting("PKCS11_TOKEN", read.text, None, "label of the HSM's token"),
    Setting("PKCS11_PIN", read.text, None, "user PIN of the HSM's token", secret=True),
    Setting("AWS_KMS_REGION", read.text, None, "region of the keys in AWS KMS"),
    Setting("AWS_KMS_ENDPOINT", _secure_url, None, "where AWS KMS is reached", default_text="the region's public endpoint"),
    Setting("ACCESS_TOKEN_LIFETIME", read.whole(1, 3600), 600, "life of an access token, seconds"),
    Setting("CONFIG", Path, None, "TOML file of resources, scopes, roles, clients and users to create where missing"),
    Setting(
        "DEFAULT_RESOURCE",
        read.text,
        None,
        "audience of a sign-in that names no resource",
        default_text="the only first-party resource, if there is one",
    ),
    Setting(
        "REGISTRATION",
        read.choice("open", "invite", "closed"),
        None,
        "who may sign up: open, invite or closed",
        default_text="open on a loopback issuer, else closed",
    ),
    Setting("TRUSTED_PROXIES", read.words, (), "addresses or networks whose X-Forwarded-For counts"),
    Setting("KEY_PUBLISH_AHEAD", _seconds(0, 365 * _DAY), _DAY, "N: how long a key is published before it signs"),
    Setting("KEY_RETIRE_AFTER", _seconds(0, 365 * _DAY), _DAY, "V: how long a key stays published after it stopped signing"),
    Setting("KEY_ROTATION_PERIOD", _seconds(0, 3650 * _DAY), 30 * _DAY, "T_rot: how long a key signs"),
    Setting("KEY_SIGN_LEASE", _seconds(0.1, _DAY), 60, "W_sign: a replica with an older view of the keys does not sign"),
    Setting("KEY_VIEW_LEASE", _seconds(0.1, _DAY), 300, "W_pub: a replica with an older view of the keys does not publish them"),
    Setting("JWKS_MAX_AGE", _seconds(0.1, _DAY), 300, "P: how long others may keep the key set"),
    Setting("CLOCK_ERROR", _seconds(0, 30), 30, "ε: the largest error of any machine's clock; resource servers allow twice that"),
    Setting("REFRESH_QUIET_WINDOW", _seconds(0, 600), 30, "G: a refresh token this young is answered again, not rotated"),
    Setting("REFRESH_RETRY_GRACE", _seconds(0, _DAY), 120, "GL: how long a public client may retry a lost answer; 0 is strict"),
    Setting("REFRESH_IDLE_LIFETIME", _seconds(1, 3650 * _DAY), 14 * _DAY, "a family that is not used this long is over"),
    Setting("REFRESH_LIFETIME", _seconds(1, 3650 * _DAY), 90 * _DAY, "a family is over after this long in any case"),
    Setting("SESSION_IDLE_LIFETIME", _seconds(1, 3650 * _DAY), _DAY, "a sign-in session that is not used this long is over"),
    Setting("SESSION_LIFETIME", _seconds(1, 3650 * _DAY), 30 * _DAY, "a sign-in session is over after this long in any case"),
    Setting(
        "LOG_LEVEL", read.choice("debug", "info", "warning", "error"), "info", "least level of the log lines on standard output"
    ),
)


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
    trusted_proxies: tuple[str, ...]
    key_policy: KeyPolicy
    key_rotation_period: float
    refresh_quiet_window: float
    refresh_retry_grace: float
    refresh_idle_lifetime: float
    refresh_lifetime: float
    session_idle_lifetime: float
    session_lifetime: float
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
        trusted_proxies=value["TRUSTED_PROXIES"],
        key_policy=_key_policy(value),
        key_rotation_period=value["KEY_ROTATION_PERIOD"],
        refresh_quiet_window=value["REFRESH_QUIET_WINDOW"],
        refresh_retry_grace=value["REFRESH_RETRY_GRACE"],
        refresh_idle_lifetime=value["REFRESH_IDLE_LIFETIME"],
        refresh_lifetime=value["REFRESH_LIFETIME"],
        session_idle_lifetime=value["SESSION_IDLE_LIFETIME"],
        session_lifetime=value["SESSION_LIFETIME"],
        log_level=value["LOG_LEVEL"],
        warnings=loaded.warnings,
    )
    if faults := _faults(settings):
        raise SettingsError(faults)
    return settings


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


def _faults(settings: Settings) -> list[str]:
    faults = [
        f"the timings of the keys do not fit: {fault}"
        for fault in settings.key_policy.issuer_faults(settings.key_rotation_period)
    ]
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
