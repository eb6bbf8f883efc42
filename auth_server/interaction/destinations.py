"""Where somebody may be sent after signing in without an authorization request: names for paths of ours, so no address travels."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlencode

from auth_server.protocol.form import Form

FOR: Final = "for"
USER_CODE: Final = "user_code"
_PATHS: Final = {
    "account": "/account",
    "email": "/account/email",
    "password": "/account/password",
    "sessions": "/account/sessions",
    "apps": "/account/apps",
    "activity": "/account/activity",
    "device": "/device",
}


def destination(parameters: Form) -> str | None:
    """Return the path that the parameters of a sign-in page name; None when they name none of ours."""
    path = _PATHS.get(parameters.optional(FOR) or "")
    code = parameters.optional(USER_CODE)
    return f"{path}?{urlencode({USER_CODE: code})}" if path == "/device" and code else path


def sign_in_for(name: str, *, user_code: str | None = None, again: bool = False) -> str:
    """Return the page where one signs in, or (`again`) confirms that it is still oneself, on the way to a destination."""
    values = {FOR: name} | ({USER_CODE: user_code} if user_code else {})
    return f"/login{'/confirm' if again else ''}?{urlencode(values)}"
