"""A door: one path, its methods, its CORS rule, and the one place where refusals become answers."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from enum import Enum
from typing import ClassVar, Final

from auth_server.protocol.errors import ApiError, InternalError, OAuthError
from auth_server.web.own_pages import OwnPages
from auth_server.web.request import ClientGone, Receive, Request, Scope, Send
from auth_server.web.responses import NO_STORE, Headers, Response, api_error, json_response, oauth_error, unavailable

_LOG: Final = logging.getLogger(__name__)
OUTCOME: Final = "sealwright.outcome"
# RFC 9110 section 8.6: a length of 0 would be wrong for both.
_WITHOUT_CONTENT: Final = (204, 304)


class Cors(Enum):
    """Who may read an answer from a page of another origin, without credentials. With them: only a door's `own_pages`."""

    NOBODY = "nobody"
    ANYBODY = "anybody"


_ANYBODY: Final[Headers] = (
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", b"etag, retry-after, www-authenticate, x-request-id"),
)


class Door(ABC):
    """An ASGI application for one path."""

    path: ClassVar[str]
    methods: ClassVar[tuple[str, ...]]
    cors: ClassVar[Cors] = Cors.NOBODY
    own_pages: OwnPages | None = None

    @abstractmethod
    async def answer(self, request: Request) -> Response:
        """Answer a request whose method is one of ours.

        Raises:
            OAuthError, ApiError: the client is told.
            InternalError: 503, told to nobody but the log.
        """

    def refuse(self, request: Request, error: OAuthError | ApiError | InternalError) -> Response:
        """Spell a refusal."""
        if isinstance(error, OAuthError):
            return oauth_error(error)
        return api_error(error) if isinstance(error, ApiError) else unavailable()

    def refuse_method(self, request: Request, allowed: bytes) -> Response:
        """Answer a request whose method is none of ours; `allowed` lists ours."""
        refusal = {"error": "method_not_allowed", "error_description": f"use {allowed.decode()}"}
        return json_response(refusal, status=405, headers=((b"allow", allowed), *NO_STORE), outcome="method_not_allowed")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        request = Request(scope, receive)
        try:
            response = await self._answer(request)
        except InternalError as error:
            _LOG.error("unavailable", extra={"fields": {"error": str(error), "path": self.path}}, exc_info=error.__cause__)
            response = self.refuse(request, error)
        except (OAuthError, ApiError) as error:
            response = self.refuse(request, error)
        except ClientGone:
            scope[OUTCOME] = ("client_gone", None)
            return
        scope[OUTCOME] = (response.outcome, response.detail)
        headers = list(response.headers)
        if response.status not in _WITHOUT_CONTENT:
            headers.append((b"content-length", str(len(response.body)).encode("ascii")))
        if self.cors is Cors.ANYBODY:
            headers += _ANYBODY
        elif self.own_pages is not None:
            headers += self.own_pages.cors(request)
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if request.method == "HEAD" else response.body})

    async def _answer(self, request: Request) -> Response:
        if request.method in self.methods:
            return await self.answer(request)
        if request.method == "HEAD" and "GET" in self.methods:
            return await self.answer(request)
        allowed = ", ".join(self.methods).encode("ascii")
        if request.method == "OPTIONS" and (self.cors is Cors.ANYBODY or self.own_pages is not None):
            return Response(204, headers=_preflight(allowed))
        return self.refuse_method(request, allowed)


def _preflight(allowed: bytes) -> Headers:
    return (
        (b"access-control-allow-methods", allowed),
        (b"access-control-allow-headers", b"authorization, content-type, dpop"),
        (b"access-control-max-age", b"3600"),
    )
