"""That a form was sent by a page of ours, to the same browser, about the same thing: a token, and where the request came from.

The token is a MAC over the browser's cookie and what the form is about, so it dies with the cookie (at each sign-in), and one page's
token is no good at another. Before anybody signed in the cookie is a pre-session, so signing somebody in by force is covered too.
"""

from __future__ import annotations

import hmac
from typing import Final

from auth_server.protocol.errors import ApiError, KeyUnavailable
from auth_server.protocol.secret import checked_key
from auth_server.web.request import Request
from shared import base64url

FIELD: Final = "csrf"
HEADER: Final = b"x-csrf-token"


class CsrfRefused(ApiError):
    """The form is not one of ours, or no longer."""

    def __init__(self) -> None:
        super().__init__(403, "csrf", "This form did not come from this site, or it is too old.")


class Csrf:
    """Makes and checks the tokens. It needs a secret of the server, which is unsealed later (`use_key`)."""

    def __init__(self, issuer: str) -> None:
        self._origin = issuer.encode("ascii")
        self._key: bytes | None = None

    def use_key(self, key: bytes) -> None:
        """Take over the secret, at least 32 bytes. With another one, every open form is too old.

        Raises:
            ValueError: it is shorter.
        """
        self._key = checked_key(key)

    def token(self, browser: str, about: str) -> str:
        """Return the token of a form.

        Args:
            browser: the value of the browser's own cookie.
            about: what the form is about: its path, and the request it belongs to.

        Raises:
            KeyUnavailable: the server's secret is not unsealed.
        """
        if self._key is None:
            raise KeyUnavailable("the secret that marks forms is not unsealed")
        text = f"csrf 1\0{browser}\0{about}".encode("utf-8", "surrogatepass")
        return base64url.encode(hmac.digest(self._key, text, "sha256"))

    def check(self, request: Request, sent: str | None, browser: str | None, about: str) -> None:
        """Refuse a form that is not ours.

        Raises:
            CsrfRefused: it came from elsewhere, has no token, or the token of another browser, page or request.
            KeyUnavailable: the server's secret is not unsealed.
        """
        self.check_origin(request)
        if (
            not sent
            or not browser
            or not hmac.compare_digest(self.token(browser, about).encode(), sent.encode("utf-8", "replace"))
        ):
            raise CsrfRefused

    def check_origin(self, request: Request) -> None:
        """Refuse what another site sent.

        Browsers name the origin of every form that crosses origins. They spell it `null` for a page that, like ours, sends no
        referrer; then `Sec-Fetch-Site` tells. A request with neither comes from no browser that could be made to send it.

        Raises:
            CsrfRefused: it did.
        """
        origin, site = request.header(b"origin"), request.header(b"sec-fetch-site")
        if site is not None and site != b"same-origin":
            raise CsrfRefused
        if origin in (None, self._origin) or (origin == b"null" and site is not None):
            return
        if site is not None and self._is_other_name_of_ours(request, origin):
            return
        raise CsrfRefused

    def _is_other_name_of_ours(self, request: Request, origin: bytes | None) -> bool:
        """Say whether a page under another name of this machine (127.0.0.1 for localhost) sent the form to itself."""
        host = request.header(b"host")
        return host is not None and origin in (b"http://" + host, b"https://" + host)
