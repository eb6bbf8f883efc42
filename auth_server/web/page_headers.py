"""The one set of headers that a page has (RFC 9700 sections 4.2, 4.3 and 4.16), with a policy computed for the page at hand."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

from auth_server.web.responses import Headers

_POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
)
_ALWAYS: Final[Headers] = (
    (b"content-type", b"text/html; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"pragma", b"no-cache"),
    (b"vary", b"Accept-Language, Cookie"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=(), usb=(), interest-cohort=()"),
)
_SAME_WINDOW: Final = (b"cross-origin-opener-policy", b"same-origin")


def page_headers(*, may_end_at: Iterable[str] = (), is_own_window: bool) -> Headers:
    """Return the headers of a page.

    Args:
        may_end_at: redirect URIs at which submitting a form may end. Chromium holds `form-action` against every redirect that follows
            the submission, so without them whoever agreed would stay where they are.
        is_own_window: the page is no part of an authorization request, so no app waits for the window that it opened.
    """
    targets = dict.fromkeys(map(form_target, may_end_at))
    policy = " ".join((_POLICY, *targets)).encode("ascii")
    headers = (*_ALWAYS, (b"content-security-policy", policy))
    return (*headers, _SAME_WINDOW) if is_own_window else headers


def form_target(redirect_uri: str) -> str:
    """Return the source expression that lets a form end at a redirect URI: its origin, or the scheme of a native app's own.

    Raises:
        ValueError: the URI has no scheme, or its host holds what would end the directive.
    """
    parts = urlsplit(redirect_uri)
    if not parts.scheme or not (parts.scheme + parts.netloc).isascii() or not set(parts.netloc).isdisjoint(" ;,'\"\t\r\n"):
        raise ValueError("not a redirect URI")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return f"{parts.scheme}:"
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    # CSP has no source expression for an IPv6 address; a scheme alone is the narrowest that works.
    if host.startswith("["):
        return f"{parts.scheme}:"
    return f"{parts.scheme}://{host}" + (f":{parts.port}" if parts.port else "")
