"""Which redirect URI an answer may go to: compared as text, with one exception (RFC 9700 section 4.1.3, RFC 8252 section 7.3).

No pattern and no prefix matches anything, and no part of a sent URI is ever unescaped or put in order first: every one of those has
been an open redirect somewhere.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final
from urllib.parse import urlsplit

MAX_CHARACTERS: Final = 2000
_LOOPBACK_HOSTS: Final = ("127.0.0.1", "[::1]")
_MOST_PORT_DIGITS: Final = 5


def is_registered(sent: str, registered: Collection[str]) -> bool:
    """Say whether a redirect URI is one of a client's.

    An app on a person's own machine listens on whatever port is free, so a registered `http://127.0.0.1/...` (or `[::1]`) stands for
    every port; `localhost` does not, because a name may be resolved elsewhere (RFC 8252 section 8.3).
    """
    if len(sent) > MAX_CHARACTERS:
        return False
    if sent in registered:
        return True
    without_port = _without_loopback_port(sent)
    return without_port is not None and any(without_port == _without_loopback_port(uri) for uri in registered)


def form_action_source(uri: str) -> str:
    """Return the CSP source that lets a form's answer be sent on to a redirect URI: its origin, or its private scheme.

    Chromium applies `form-action` to redirects too, so the page whose form may end at a client has to name it.
    """
    parts = urlsplit(uri)
    # CSP has no source expression for an IPv6 address; its scheme is the narrowest that works.
    if not parts.netloc or "[" in parts.netloc:
        return f"{parts.scheme}:"
    return f"{parts.scheme}://{parts.netloc}"


def shown_host(uri: str) -> str:
    """Return what a person is told of where an answer goes: the host with its port, or the private scheme of an app."""
    parts = urlsplit(uri)
    return parts.netloc or f"{parts.scheme}:"


def proves_its_client(uri: str) -> bool:
    """Say whether only the client itself can receive at a URI: https does; a port or a scheme on somebody's machine does not."""
    return uri.startswith("https://")


def _without_loopback_port(uri: str) -> str | None:
    """Return a loopback http URI without its port; None for every other URI."""
    for host in _LOOPBACK_HOSTS:
        prefix = f"http://{host}"
        if uri.startswith(prefix):
            rest = uri[len(prefix) :]
            digits = len(rest) - len(rest[1:].lstrip("0123456789")) - 1 if rest.startswith(":") else 0
            if rest.startswith(":") and 1 <= digits <= _MOST_PORT_DIGITS:
                rest = rest[1 + digits :]
            # Behind host and port a path, a query or nothing: anything else would be part of another host's name.
            return prefix + rest if rest[:1] in ("", "/", "?") else None
    return None
