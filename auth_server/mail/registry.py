"""The ways of sending mail, chosen by one URL.

console:                                  print it (this machine alone)
file:///var/spool/sealwright              a folder
smtp://user:password@mail.example:587     STARTTLS, which must succeed; none needed where the host is this machine itself
smtps://user:password@mail.example:465    TLS from the first byte
smtp://mail.internal:25?tls=never         in the clear, said aloud
"""

from __future__ import annotations

from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

from auth_server.mail.console import ConsoleMailer
from auth_server.mail.contract import Mailer
from auth_server.mail.file import FileMailer
from auth_server.mail.messages import Speller
from auth_server.mail.smtp import SmtpMailer, SmtpServer
from shared.settings import is_loopback

_PORTS: Final = {"smtp": 587, "smtps": 465}
_SPELLING: Final = "must be console:, file:///FOLDER, smtp://HOST:PORT or smtps://HOST:PORT"


def mailer_of(url: str, speller: Speller) -> Mailer:
    """Return the way of sending mail that a URL chooses. Nothing is connected yet.

    Raises:
        ValueError: it chooses none.
    """
    chosen = _chosen(url)
    if chosen is None:
        return ConsoleMailer(speller)
    return FileMailer(speller, chosen) if isinstance(chosen, Path) else SmtpMailer(speller, chosen)


def _chosen(url: str) -> Path | SmtpServer | None:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ValueError(_SPELLING) from error
    if url == "console:":
        return None
    if parts.scheme in FileMailer.schemes and parts.path.startswith("/") and not parts.netloc:
        return Path(unquote(parts.path))
    if parts.scheme not in SmtpMailer.schemes or not parts.hostname or parts.path not in ("", "/"):
        raise ValueError(_SPELLING)
    return SmtpServer(
        host=parts.hostname,
        port=port or _PORTS[parts.scheme],
        tls=_tls(parts.scheme, parts.hostname, parts.query),
        username=None if parts.username is None else unquote(parts.username),
        password=None if parts.password is None else unquote(parts.password),
    )


def _tls(scheme: str, host: str, query: str) -> str:
    options = dict(parse_qsl(query))
    if options not in ({}, {"tls": "never"}) or (options and scheme == "smtps"):
        raise ValueError("may have one option alone, ?tls=never with smtp://")
    if scheme == "smtps":
        return "always"
    return "never" if options or is_loopback(host) else "starttls"
