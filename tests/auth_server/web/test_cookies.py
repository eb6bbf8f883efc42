"""How cookies are spelt."""

from __future__ import annotations

from auth_server.web.cookies import CookieJar


def test_over_https_a_cookie_is_pinned_to_its_host() -> None:
    """RFC 6265bis section 4.1.3.2: `__Host-` needs Secure, Path=/ and no Domain."""
    spelt = CookieJar(secure=True).set("dev", "value", 60)

    assert spelt == b"__Host-dev=value; Path=/; Max-Age=60; HttpOnly; SameSite=Lax; Secure"


def test_on_loopback_http_it_is_one_that_a_browser_keeps() -> None:
    assert CookieJar(secure=False).set("dev", "value", 60) == b"dev=value; Path=/; Max-Age=60; HttpOnly; SameSite=Lax"
