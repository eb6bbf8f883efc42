"""A bearer token in a request to an endpoint of ours, and how its absence or fault is told (RFC 6750)."""

from __future__ import annotations

from typing import Final

from auth_server.protocol.form import FORM_MEDIA_TYPE
from auth_server.web.request import Request
from auth_server.web.responses import NO_STORE, Response, json_response

_SCHEME: Final = b"bearer"


class BearerRefusal(Exception):
    """A request is refused; `error` is None when it carried no token at all (section 3.1)."""

    def __init__(self, status: int, error: str | None, description: str = "", *, scope: str | None = None) -> None:
        super().__init__(description)
        self.status = status
        self.error = error
        self.description = description
        self.scope = scope

    def response(self) -> Response:
        """Return the answer. Everything in it is fixed text."""
        if self.error is None:
            headers = ((b"www-authenticate", b"Bearer"), *NO_STORE)
            return Response(401, headers=headers, outcome="no_token")
        challenge = f'Bearer error="{self.error}", error_description="{self.description}"'
        if self.scope is not None:
            challenge += f', scope="{self.scope}"'
        body = {"error": self.error, "error_description": self.description}
        headers = ((b"www-authenticate", challenge.encode("ascii")), *NO_STORE)
        return json_response(body, status=self.status, headers=headers, outcome=self.error)


async def bearer_token(request: Request) -> str:
    """Return the token of a request: in its header, or in the form of a POST (sections 2.1 and 2.2). Never from the address.

    Raises:
        BearerRefusal: none, or in two places.
        InvalidRequest: a malformed form, or a repeated header.
    """
    in_header, in_body = _of_header(request), None
    media_type = (request.header(b"content-type") or b"").partition(b";")[0].strip().lower()
    if request.method == "POST" and media_type == FORM_MEDIA_TYPE.encode("ascii"):
        in_body = (await request.form()).optional("access_token")
    if in_header is not None and in_body is not None:
        raise BearerRefusal(400, "invalid_request", "the token is in two places")
    found = in_header if in_header is not None else in_body
    if found is None:
        raise BearerRefusal(401, None)
    return found


def _of_header(request: Request) -> str | None:
    value = request.header(b"authorization")
    scheme, _, token = (value or b"").partition(b" ")
    if scheme.lower() != _SCHEME:
        return None
    token = token.strip()
    if not token or b" " in token:
        raise BearerRefusal(400, "invalid_request", "the Authorization header holds no single token")
    return token.decode("latin-1")
