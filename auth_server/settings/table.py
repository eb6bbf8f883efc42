"""Every setting of the auth server: name, reader, default, meaning. The documents and `config show` follow from this table."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from shared import base64url, jose
from shared import settings as read
from shared.settings import Setting

PREFIX: Final = "AUTH_SERVER_"
_DAY: Final = 86_400
_SEALING_KEY_BYTES: Final = 32


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


def _sealing_keys(value: str) -> tuple[str, ...]:
    keys = read.words(value)
    try:
        whole = bool(keys) and all(len(base64url.decode(key.encode("ascii"))) == _SEALING_KEY_BYTES for key in keys)
    except ValueError:
        whole = False
    if not whole:
        raise ValueError(
            "must be base64url keys of 32 bytes, separated by commas; auth-server key generate-encryption-key makes one"
        )
    return keys


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


def _origins(value: str) -> tuple[str, ...]:
    named = read.words(value)
    for origin in named:
        _secure_url(origin)
        if f"{urlsplit(origin).scheme}://{urlsplit(origin).netloc}" != origin or origin != origin.lower():
            raise ValueError("must be origins: scheme://host or scheme://host:port, in lower case, with no path")
    return named


def _domains(value: str) -> tuple[str, ...]:
    named = tuple(domain.lower() for domain in read.words(value))
    if not all(re.fullmatch(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?", domain) for domain in named):
        raise ValueError("must be domains such as example.com, separated by commas")
    return named


def _mail_url(value: str) -> str:
    parts = urlsplit(value)
    to_server = parts.scheme in ("smtp", "smtps") and parts.hostname and parts.path in ("", "/") and not parts.fragment
    if value != "console:" and not re.fullmatch(r"file:///[^?#]+", value) and not to_server:
        raise ValueError("must be console:, file:///FOLDER, smtp://HOST:PORT or smtps://HOST:PORT")
    _ = parts.port  # raises ValueError for a port that is no port
    if parts.query and (parts.scheme, parts.query) != ("smtp", "tls=never"):
        raise ValueError("may have one option alone: ?tls=never, with smtp://")
    return value


def _sender(value: str) -> str:
    if not re.fullmatch(r"([^<>@\"\x00-\x1f]+ )?<[^<>@\s]+@[^<>@\s]+>|[^<>@\s]+@[^<>@\s]+", value):
        raise ValueError("must be a mail address, or a name and a mail address in angle brackets")
    return value


def _brand_name(value: str) -> str:
    if not value.isprintable() or not 1 <= len(value) <= 40:
        raise ValueError("must be 1 to 40 printable characters")
    return value


def _colour(value: str) -> str:
    if not re.fullmatch(r"#[0-9a-fA-F]{6}", value):
        raise ValueError("must be a colour such as #0a7f5a")
    return value.lower()


def _link(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme != "https" or not parts.hostname or not value.isascii() or not value.isprintable():
        raise ValueError("must be an https:// URL")
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
        _sealing_keys,
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
        "who may sign up: open, closed, or invite (the page says to ask you, and `auth-server user create` makes the account)",
        default_text="open on a loopback issuer, else closed",
    ),
    Setting(
        "COOKIE_ORIGINS",
        _origins,
        None,
        "origins of your own pages: they may act with the cookies of `POST /api/login` and read the answers",
        default_text="the issuer's own origin",
    ),
    Setting(
        "REGISTRATION_DOMAINS",
        _domains,
        (),
        "domains of mail addresses that people may sign up with, separated by commas",
        default_text="any",
    ),
    Setting("TRUSTED_PROXIES", read.words, (), "addresses or networks whose X-Forwarded-For counts"),
    Setting("KEY_PUBLISH_AHEAD", _seconds(0, 365 * _DAY), _DAY, "N: how long a key is published before it signs"),
    Setting("KEY_RETIRE_AFTER", _seconds(0, 365 * _DAY), _DAY, "V: how long a key stays published after it stopped signing"),
    Setting("KEY_ROTATION_PERIOD", _seconds(0, 3650 * _DAY), 30 * _DAY, "T_rot: how long a key signs"),
    Setting("KEY_SIGN_LEASE", _seconds(0.1, _DAY), 60, "W_sign: a replica with an older view of the keys does not sign"),
    Setting("KEY_VIEW_LEASE", _seconds(0.1, _DAY), 300, "W_pub: a replica with an older view of the keys does not publish them"),
    Setting("JWKS_MAX_AGE", _seconds(0.1, _DAY), 300, "P: how long others may keep the key set"),
    Setting(
        "CLOCK_ERROR", _seconds(0, _DAY), 30, "ε: the largest error of any machine's clock; resource servers allow twice that"
    ),
    Setting(
        "REVOCATION_FEED_ACCESS",
        read.choice("public", "resources"),
        "public",
        "who may read the revocation feed: anybody, like the key set, or clients that are registered for a resource (`--introspects`)",
    ),
    Setting(
        "REVOCATION_FEED_WAITERS",
        read.whole(0, 100_000),
        2000,
        "resource servers that may wait for news of the revocation feed at once, in each process; more are answered without waiting",
    ),
    Setting(
        "STATUS_LIST",
        read.boolean,
        False,
        "whether access tokens have a place in a token status list, for others than the kit; costs a row each",
    ),
    Setting("STATUS_LIST_TTL", read.whole(15, 60), 30, "how long others may keep a status list, seconds"),
    Setting("REFRESH_QUIET_WINDOW", _seconds(0, 600), 30, "G: a refresh token this young is answered again, not rotated"),
    Setting("REFRESH_RETRY_GRACE", _seconds(0, _DAY), 120, "GL: how long a public client may retry a lost answer; 0 is strict"),
    Setting(
        "REFRESH_SUSPICIOUS_REPLAYS",
        read.choice("alarm", "revoke"),
        "alarm",
        "what retries in three generations of a refresh token on end do: an audit event alone, or the family ends as well",
    ),
    Setting("REFRESH_IDLE_LIFETIME", _seconds(1, 3650 * _DAY), 14 * _DAY, "a family that is not used this long is over"),
    Setting("REFRESH_LIFETIME", _seconds(1, 3650 * _DAY), 90 * _DAY, "a family is over after this long in any case"),
    Setting("SESSION_IDLE_LIFETIME", _seconds(1, 3650 * _DAY), _DAY, "a sign-in session that is not used this long is over"),
    Setting("SESSION_LIFETIME", _seconds(1, 3650 * _DAY), 30 * _DAY, "a sign-in session is over after this long in any case"),
    Setting("CODE_LIFETIME", _seconds(1, 60), 60, "an authorization code is good for this long, once"),
    Setting("DEVICE_CODE_LIFETIME", read.whole(60, 1800), 600, "how long a device may wait for a person's approval, seconds"),
    Setting(
        "TOKEN_EXCHANGE",
        read.boolean,
        False,
        "whether services may exchange tokens (RFC 8693); each client needs a policy of its own as well",
    ),
    Setting(
        "SHARED_SIGNALS",
        read.boolean,
        False,
        "whether receivers may have ended sessions and changed passwords told to them (Shared Signals Framework, CAEP)",
    ),
    Setting(
        "DYNAMIC_REGISTRATION",
        read.choice("off", "token", "open"),
        "off",
        "whether clients may register themselves (RFC 7591): never, with an initial access token, or anybody",
    ),
    Setting(
        "REGISTRATION_UNUSED_AFTER",
        _seconds(3600, 3650 * _DAY),
        30 * _DAY,
        "a client that registered itself and was not used this long is deleted",
    ),
    Setting(
        "CLIENT_ID_METADATA",
        read.boolean,
        False,
        "whether a client may be known by the https URL of a document about itself (client ID metadata documents)",
    ),
    Setting(
        "SMTP_URL",
        _mail_url,
        None,
        "how mail is sent: `smtp://USER:PASSWORD@HOST:587`, `smtps://…:465`, `file:///FOLDER`, or `console:`",
        secret=True,
        default_text="`console:`, printed on standard output",
    ),
    Setting(
        "MAIL_FROM",
        _sender,
        None,
        "sender of mail: an address, or a name and an address in angle brackets",
        default_text="the brand's name, no-reply at the issuer's host",
    ),
    Setting("BRAND_NAME", _brand_name, "Sealwright", "what the pages and the letters call this service"),
    Setting("BRAND_COLOR", _colour, "#3451d1", "the accent of the pages, as `#rrggbb`; what is needed for contrast is computed"),
    Setting("BRAND_LOGO", Path, None, "image shown on the pages in the place of the name: .svg, .png or .webp, at most 12 KiB"),
    Setting("TERMS_URL", _link, None, "terms of use, linked where accounts are created"),
    Setting("PRIVACY_URL", _link, None, "privacy notice, linked where accounts are created"),
    Setting(
        "DEMO", read.boolean, False, "put a banner on every page that says not to use real passwords; loopback issuers alone"
    ),
    Setting(
        "LOG_LEVEL", read.choice("debug", "info", "warning", "error"), "info", "least level of the log lines on standard output"
    ),
)
