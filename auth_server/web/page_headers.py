"""The one set of headers that a page has (RFC 9700 sections 4.2, 4.3 and 4.16), with a policy computed for the page at hand."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

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
_ENDS_A_SOURCE: Final = frozenset(" ;,'\"\t\r\n")
_SAME_WINDOW: Final = (b"cross-origin-opener-policy", b"same-origin")


def page_headers(*, may_end_at: Iterable[str] = (), is_own_window: bool) -> Headers:
    """Return the headers of a page.

    Args:
        may_end_at: source expressions of where submitting a form may end beside here. Chromium holds `form-action` against every
            redirect that follows the submission, so without them whoever agreed would stay where they are.
        is_own_window: the page is no part of an authorization request, so no app waits for the window that it opened.
    """
    # What would end the directive or begin another one is no source; leaving it out costs a redirect, and grants nothing.
    sources = [source for source in may_end_at if source.isascii() and _ENDS_A_SOURCE.isdisjoint(source)]
    policy = " ".join((_POLICY, *sources)).encode("ascii")
    headers = (*_ALWAYS, (b"content-security-policy", policy))
    return (*headers, _SAME_WINDOW) if is_own_window else headers
