"""Read the settings; the only place of the auth server that reads the environment."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from auth_server.settings.checks import find_faults
from auth_server.settings.settings import Settings
from auth_server.settings.table import PREFIX, TABLE
from shared import settings as read
from shared.key_policy import KeyPolicy
from shared.settings import Loaded


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from the environment (or from `environ`).

    Raises:
        SettingsError: with every fault at once.
    """
    return _settled(_loaded(os.environ if environ is None else environ))


def effective(environ: Mapping[str, str] | None = None) -> list[tuple[str, str, bool, str]]:
    """Return a row for each setting: full name, value with secrets masked, whether it was given, meaning.

    Raises:
        SettingsError: with every fault at once.
    """
    loaded = _loaded(os.environ if environ is None else environ)
    return [
        (PREFIX + row.name, read.masked(row, loaded.values[row.name]), row.name in loaded.given, row.meaning) for row in TABLE
    ]


def _loaded(environ: Mapping[str, str]) -> Loaded:
    keys_path = environ.get(f"{PREFIX}KEY_ENCRYPTION_KEYS_FILE")
    return read.load(PREFIX, TABLE, environ, lambda path: _text_of(path, is_guarded=path == keys_path), _faults_together)


def _text_of(path: str, *, is_guarded: bool) -> str:
    with Path(path).open(encoding="utf-8") as file:
        # Whoever reads this one file and a backup is the issuer. Its group may read it: that is how secrets come into containers.
        if is_guarded and os.fstat(file.fileno()).st_mode & (stat.S_IROTH | stat.S_IWOTH):
            raise PermissionError(errno.EACCES, "everybody may read or write it; run `chmod o-rw` on it, or mount it so")
        return file.read()


def _faults_together(values: Mapping[str, Any]) -> list[str]:
    return find_faults(_settled(Loaded(values, frozenset())))


def _settled(loaded: Loaded) -> Settings:
    value = dict(loaded.values)
    timings = _key_policy(value)
    loopback = read.is_loopback(urlsplit(str(value["ISSUER"])).hostname)
    warnings = (*loaded.warnings, *_mail_warnings(value, loopback=loopback))
    settled = value | _left_open(value, loopback=loopback)
    # A setting and its field have one name, so that a row without a field, and a field without a row, is a TypeError at once.
    return Settings(**{name.lower(): found for name, found in settled.items()}, key_policy=timings, warnings=warnings)


def _left_open(value: Mapping[str, Any], *, loopback: bool) -> dict[str, Any]:
    """Return what other settings decide where nothing was given."""
    issuer = value["ISSUER"]
    return {
        "DATABASE_URL": value["DATABASE_URL"] or f"sqlite:///{value['DATA_DIR'] / 'auth_server.db'}",
        "REGISTRATION": value["REGISTRATION"] or ("open" if loopback else "closed"),
        "COOKIE_ORIGINS": value["COOKIE_ORIGINS"] or (issuer,),
        "SMTP_URL": value["SMTP_URL"] or "console:",
        "MAIL_FROM": value["MAIL_FROM"] or f"{value['BRAND_NAME']} <no-reply@{urlsplit(issuer).hostname}>",
    }


def _mail_warnings(value: Mapping[str, Any], *, loopback: bool) -> tuple[str, ...]:
    if loopback or value["SMTP_URL"] not in (None, "console:"):
        return ()
    return (f"mail is printed on standard output, with links that let people in: set {PREFIX}SMTP_URL",)


def _key_policy(value: dict[str, Any]) -> KeyPolicy:
    """Take the timings of the keys out of the settings: they are one value, since they have to fit together."""
    return KeyPolicy(
        access_token_lifetime=value.pop("ACCESS_TOKEN_LIFETIME"),
        clock_error=value.pop("CLOCK_ERROR"),
        jwks_max_age=value.pop("JWKS_MAX_AGE"),
        publish_ahead=value.pop("KEY_PUBLISH_AHEAD"),
        retire_after=value.pop("KEY_RETIRE_AFTER"),
        sign_lease=value.pop("KEY_SIGN_LEASE"),
        view_lease=value.pop("KEY_VIEW_LEASE"),
    )
