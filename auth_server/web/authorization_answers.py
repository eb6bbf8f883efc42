"""How an answer for a client leaves through the browser: by redirect, or by a form that posts itself.

The redirect is 303, so that no browser repeats a body with a password in it (RFC 9700 section 4.12). The form needs one line of script
to send itself, which the policy of the page names by its hash, and has a button for browsers without any.
"""

from __future__ import annotations

import base64
import hashlib
from html import escape
from typing import Final

from auth_server.protocol.authorization_request import ResponseMode
from auth_server.protocol.authorization_response import AuthorizationResponse
from auth_server.protocol.redirect_uri import form_action_source
from auth_server.web.responses import NO_STORE, Headers, Response

_HTML: Final = (b"content-type", b"text/html; charset=utf-8")
_SCRIPT: Final = "document.forms[0].submit()"
_HASH: Final = base64.b64encode(hashlib.sha256(_SCRIPT.encode("ascii")).digest()).decode("ascii")


def see_other(location: str, *, headers: Headers = (), outcome: str = "ok") -> Response:
    """Answer 303 to a place."""
    return Response(303, b"", ((b"location", location.encode("ascii")), *NO_STORE, *headers), outcome)


def answer_client(
    response: AuthorizationResponse, *, headers: Headers = (), outcome: str = "ok", detail: str | None = None
) -> Response:
    """Send an authorization response on its way."""
    if response.address.response_mode == ResponseMode.FORM_POST:
        return _form(response, headers, outcome, detail)
    location = response.location.encode("ascii")
    return Response(303, b"", ((b"location", location), *NO_STORE, *headers), outcome, detail)


def _form(response: AuthorizationResponse, headers: Headers, outcome: str, detail: str | None) -> Response:
    uri = response.address.redirect_uri
    fields = "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">' for name, value in response.parameters
    )
    body = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Continue</title></head><body>'
        f'<form method="post" action="{escape(uri)}">{fields}<button id="continue" type="submit">Continue</button></form>'
        f"<script>{_SCRIPT}</script></body></html>"
    ).encode()
    policy = (
        f"default-src 'none'; script-src 'sha256-{_HASH}'; form-action {form_action_source(uri)}; "
        "base-uri 'none'; frame-ancestors 'none'"
    )
    own: Headers = (_HTML, (b"content-security-policy", policy.encode("ascii")))
    return Response(200, body, (*own, *NO_STORE, *headers), outcome, detail)
