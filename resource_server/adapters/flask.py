"""Flask: everything but public paths needs a good token, `@guard.requires(...)` asks for more, `guard.current` is the caller."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from resource_server.adapters import wsgi
from resource_server.adapters.asgi import public_paths
from resource_server.adapters.contract import Door
from resource_server.verifier.errors import TokenRefused

if TYPE_CHECKING:
    from flask import Flask, Request, Response

    from resource_server.challenge import Answer
    from resource_server.guard import Guard
    from resource_server.principal import Principal


def install(app: Flask, guard: Guard, public: Collection[str]) -> None:
    """Guard an application: every request but those for public paths, and refusals that its views raise."""
    from flask import request

    open_paths = public_paths(public)

    def authenticate() -> Response | None:
        if request.path in open_paths:
            return None
        if wsgi.is_document(guard, request.path, request.method):
            return _response(guard.document(request.path))
        wsgi.authenticate(request.environ, guard)
        return None

    def refused(refusal: TokenRefused) -> Response:
        return _response(wsgi.refused(request.environ, refusal, guard))

    app.before_request(authenticate)
    app.register_error_handler(TokenRefused, refused)


def _response(answer: Answer) -> Response:
    from flask import Response

    # Werkzeug counts the length itself.
    return Response(answer.body, answer.status, [header for header in answer.headers if header[0] != "content-length"])


def door() -> Door:
    """Return Flask's part of `@guard.requires`."""
    from flask import has_request_context, request

    class FlaskDoor:
        def find_request(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Request | None:
            # A view is handed no request: Flask keeps it in the context.
            return request if has_request_context() else None

        def find_principal(self, request: Request, guard: Guard) -> Principal | None:
            return wsgi.find_principal(request.environ, guard)

        def authenticate(self, request: Request, guard: Guard) -> Principal:
            return wsgi.authenticate(request.environ, guard)

        async def aauthenticate(self, request: Request, guard: Guard) -> Principal:
            return await wsgi.aauthenticate(request.environ, guard)

        def refuse(self, request: Request, refusal: TokenRefused, guard: Guard) -> Response:
            return _response(wsgi.refused(request.environ, refusal, guard))

    return FlaskDoor()
