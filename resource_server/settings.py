"""Settings of the notes service, and the only reader of the environment. Nothing here is secret.

Adding a setting: one row in the table and one field in `Settings`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from resource_server.cookies import CookieTransport
from resource_server.decryption import DecryptionKeys
from resource_server.digest_file import StateUnusable
from resource_server.events import log_event
from resource_server.guard import Guard
from resource_server.jwks.cache import HEALTHY_FACTOR
from resource_server.jwks.fetcher import check_url
from resource_server.jwks.source import Tell
from resource_server.revocations import SilentFeed
from resource_server.verifier.policy import MAX_LEEWAY
from resource_server.verifier.profile import PROFILES
from shared import jose
from shared.settings import (
    Loaded,
    Setting,
    SettingsError,
    boolean,
    choice,
    is_loopback,
    load,
    masked,
    seconds,
    server_url,
    text,
    whole,
    words,
)

PREFIX: Final = "RESOURCE_SERVER_"
_YEAR: Final = 365 * 86_400.0
_DRAIN_SECONDS: Final = 5.0


def algorithms(value: str) -> tuple[str, ...]:
    """Read an allow-list of signature algorithms."""
    named = words(value)
    if not named or not jose.ALGORITHMS.issuperset(named):
        raise ValueError(f"must be one or more of {', '.join(sorted(jose.ALGORITHMS))}")
    return named


TABLE: Final = (
    Setting("ISSUER", server_url, "http://localhost:8000", "what `iss` must equal, character by character"),
    Setting("AUDIENCE", server_url, "http://localhost:8001", "what `aud` must hold: this API's resource identifier"),
    Setting("HOST", text, None, "address to listen on", default_text="loopback: 127.0.0.1, and ::1 where there is one"),
    Setting("PORT", whole(0, 65535), 8001, "port to listen on; 0 takes a free one"),
    Setting(
        "METADATA_URL",
        server_url,
        None,
        "where to fetch, when the network name differs from the issuer",
        default_text="from the issuer",
    ),
    Setting(
        "COOKIE_ORIGINS",
        words,
        None,
        "origins of the pages that may act with the access token in a cookie; `none` takes no cookie at all",
        default_text="the origins of issuer and audience",
    ),
    Setting("INSECURE_HTTP", boolean, False, "allow plain http to a host that is not loopback (a private container network)"),
    Setting(
        "PROFILE",
        choice(*PROFILES),
        "rfc9068",
        "how the issuer spells its tokens; each but rfc9068 relaxes what `docs/kit.md` names",
    ),
    Setting("ALGORITHMS", algorithms, (jose.RS256,), "allow-list of signature algorithms"),
    Setting("LEEWAY", whole(0, MAX_LEEWAY), MAX_LEEWAY, "seconds by which clocks may differ"),
    Setting("JWKS_REFRESH", seconds(0.1, 86_400.0), 240.0, "seconds between two refreshes of the issuer's keys"),
    Setting(
        "MAX_STALE", seconds(0.1, _YEAR), 86_400.0, "seconds after which keys are not trusted without a word from the issuer"
    ),
    Setting(
        "STATE_DIR",
        text,
        None,
        "folder where the last good keys, and what was revoked, are kept between restarts",
        default_text="none",
    ),
    Setting(
        "ENCRYPTED_TOKENS",
        boolean,
        False,
        "take encrypted tokens too, and publish a key for them; needs STATE_DIR and the extra `jwe`",
    ),
    Setting(
        "SILENT_FEED",
        choice("open", "closed"),
        "open",
        "while nothing is heard of the issuer's revocation feed: `open` accepts tokens until they expire, `closed` answers 503",
    ),
    Setting("REQUIRE_SNAPSHOT", boolean, False, "answer 503 until the whole of the revocation feed was read once"),
    Setting(
        "DRAIN_SECONDS",
        seconds(0.0, 300.0),
        None,
        "seconds between not being ready and not listening, when told to stop",
        default_text="0 on loopback, else 5",
    ),
)


@dataclass(frozen=True, slots=True)
class Settings:
    """The effective settings; times in seconds. `host` None means loopback, by each of its addresses."""

    issuer: str
    audience: str
    host: str | None
    port: int
    metadata_url: str | None
    cookie_origins: tuple[str, ...]
    insecure_http: bool
    profile: str
    algorithms: tuple[str, ...]
    leeway: int
    jwks_refresh: float
    max_stale: float
    state_dir: Path | None
    encrypted_tokens: bool
    silent_feed: SilentFeed
    require_snapshot: bool
    drain_seconds: float
    warnings: tuple[str, ...] = ()

    def guard(self, on_event: Tell = log_event) -> Guard:
        """Return a guard with these settings."""
        return Guard(
            issuer=self.issuer,
            audience=self.audience,
            profile=self.profile,
            algorithms=self.algorithms,
            leeway=self.leeway,
            metadata_url=self.metadata_url,
            jwks_refresh=self.jwks_refresh,
            max_stale=self.max_stale,
            state_dir=self.state_dir,
            on_event=on_event,
            insecure_http=self.insecure_http,
            cookie_origins=self.cookie_origins,
            decryption=self.decryption(),
            silent_feed=self.silent_feed,
            require_snapshot=self.require_snapshot,
        )

    def decryption(self) -> DecryptionKeys | None:
        """Return what opens encrypted tokens; None where none are taken.

        Raises:
            SettingsError: the extra is not installed, or the folder cannot be used.
        """
        if not self.encrypted_tokens or self.state_dir is None:
            return None
        try:
            return DecryptionKeys(self.state_dir, self.audience)
        except (ImportError, StateUnusable, OSError) as error:
            why = "the extra jwe (joserfc) is not installed" if isinstance(error, ImportError) else str(error)
            raise SettingsError([f"{PREFIX}ENCRYPTED_TOKENS: {why}"]) from error


def load_settings(environ: Mapping[str, str] | None = None, *, overrides: Mapping[str, str] | None = None) -> Settings:
    """Return the settings of `environ` (by default of this process).

    Args:
        overrides: values that a command's options give, by setting name without the prefix; they win.

    Raises:
        SettingsError: with every fault at once.
    """
    given = {
        **(os.environ if environ is None else environ),
        **{PREFIX + name: value for name, value in (overrides or {}).items()},
    }
    return _settings(load(PREFIX, TABLE, given, lambda path: Path(path).read_text(encoding="utf-8"), _find_faults))


def guard_of(environ: Mapping[str, str] | None, on_event: Tell) -> Guard:
    """Return the guard of an API of somebody else's, by the settings in `environ` (by default of this process).

    Unlike the notes service, such an API has to say which it is: a default would let in tokens that are meant for another.

    Raises:
        SettingsError: with every fault at once.
    """
    given = os.environ if environ is None else environ
    nameless = () if given.get(f"{PREFIX}AUDIENCE") else (f"{PREFIX}AUDIENCE: is needed: this API's resource identifier",)
    try:
        settings = load_settings(given)
    except SettingsError as error:
        raise SettingsError((*nameless, *error.faults)) from error
    if nameless:
        raise SettingsError(nameless)
    return settings.guard(on_event)


def is_colour_unwanted(environ: Mapping[str, str] | None = None) -> bool:
    """Say whether output goes without colours: NO_COLOR is set to anything, or the terminal is a dumb one."""
    given = os.environ if environ is None else environ
    return bool(given.get("NO_COLOR")) or given.get("TERM") == "dumb"


def shown(settings: Settings) -> dict[str, str]:
    """Return each setting's full name and its value, as text for people."""
    return {PREFIX + row.name: masked(row, getattr(settings, row.name.lower())) for row in TABLE}


def _settings(loaded: Loaded) -> Settings:
    values: dict[str, Any] = {row.name.lower(): loaded.values[row.name] for row in TABLE}
    if values["drain_seconds"] is None:
        local = values["host"] is None or is_loopback(values["host"])
        values["drain_seconds"] = 0.0 if local else _DRAIN_SECONDS
    values["cookie_origins"] = _cookie_origins(values)
    if values["state_dir"] is not None:
        values["state_dir"] = Path(values["state_dir"])
    return Settings(**values, warnings=loaded.warnings)


def _cookie_origins(values: Mapping[str, Any]) -> tuple[str, ...]:
    given = values["cookie_origins"]
    if given is not None:
        return () if given == ("none",) else tuple(given)
    parts = (urlsplit(values[name]) for name in ("issuer", "audience"))
    return tuple(dict.fromkeys(f"{part.scheme}://{part.netloc}".lower() for part in parts))


def _find_faults(values: Mapping[str, Any]) -> list[str]:
    faults = []
    if values["COOKIE_ORIGINS"] not in (None, ("none",)):
        try:
            CookieTransport(values["COOKIE_ORIGINS"], values["ISSUER"])
        except ValueError as error:
            faults.append(f"{PREFIX}COOKIE_ORIGINS: {error}")
    for name in ("ISSUER", "METADATA_URL"):
        if values[name] is not None:
            try:
                check_url(values[name], insecure_http=values["INSECURE_HTTP"])
            except ValueError as error:
                faults.append(f"{PREFIX}{name}: {error}; on a private network set {PREFIX}INSECURE_HTTP=true")
    if values["ENCRYPTED_TOKENS"] and values["STATE_DIR"] is None:
        faults.append(f"{PREFIX}ENCRYPTED_TOKENS needs {PREFIX}STATE_DIR: the key has to outlive a restart")
    healthy_for = HEALTHY_FACTOR * values["JWKS_REFRESH"]
    if values["MAX_STALE"] < healthy_for:
        faults.append(
            f"{PREFIX}MAX_STALE ({values['MAX_STALE']:g} s) must be at least 1.25 x {PREFIX}JWKS_REFRESH ({healthy_for:g} s): "
            "otherwise keys would be dropped between two refreshes"
        )
    return faults
