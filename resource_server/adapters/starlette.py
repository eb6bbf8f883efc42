"""Starlette: `@guard.requires(...)` on its endpoints, and refusals as its responses.

FastAPI's plain endpoints are Starlette's as well, as long as they have a parameter of type `Request`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from resource_server.adapters import asgi
from resource_server.adapters.contract import Door

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import HTTPConnection
    from starlette.responses import Response

    from resource_server.guard import Guard
    from resource_server.principal import Principal
    from resource_server.verifier.errors import TokenRefused


def install(app: Starlette, guard: Guard) -> None:
    """Have an application answer refusals that its endpoints raise, and serve the metadata of RFC 9728."""
    from starlette.responses import Response
    from starlette.routing import Route

    from resource_server.verifier.errors import TokenRefused

    async def refused(connection: Any, refusal: Any) -> Any:
        if connection.scope["type"] == "websocket":
            await connection.close(asgi.POLICY_VIOLATION, refusal.reason)
            return None
        return response(connection, refusal, guard)

    async def document(request: Any) -> Response:
        answer = guard.document(request.scope["path"])
        return Response(answer.body, answer.status, dict(answer.headers))

    app.add_exception_handler(TokenRefused, refused)
    # Before all others: a path parameter at the root must not swallow them.
    app.router.routes[:0] = [Route(path, document, include_in_schema=False) for path in sorted(guard.document_paths)]


def response(connection: HTTPConnection, refusal: TokenRefused, guard: Guard) -> Response:
    """Return the response to a refused request; the reason and the operator's hint stay in the scope for whoever logs."""
    from starlette.responses import Response

    connection.scope[asgi.REASON_KEY], connection.scope[asgi.HINT_KEY] = refusal.reason, refusal.hint
    answer = guard.answer(refusal)
    return Response(answer.body, answer.status, dict(answer.headers))


def door() -> Door:
    """Return Starlette's part of `@guard.requires`."""
    from starlette.requests import Request

    class StarletteDoor:
        def find_request(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Request | None:
            for argument in (*args, *kwargs.values()):
                if isinstance(argument, Request):
                    return argument
            return None

        def find_principal(self, request: Request, guard: Guard) -> Principal | None:
            return asgi.find_principal(request.scope, guard)

        def authenticate(self, request: Request, guard: Guard) -> Principal:
            who = guard.verify(asgi.token_of(request.scope, guard))
            asgi.remember(request.scope, guard, who)
            return who

        async def aauthenticate(self, request: Request, guard: Guard) -> Principal:
            return await asgi.authenticate(request.scope, guard)

        def refuse(self, request: Request, refusal: TokenRefused, guard: Guard) -> Response:
            return response(request, refusal, guard)

    return StarletteDoor()
