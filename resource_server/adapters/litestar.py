"""Litestar: `guards=[guard.litestar("orders:read")]` on a route, a controller or the application, and `on_app_init=[guard.install]`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from resource_server.adapters import asgi
from resource_server.verifier.errors import TokenRefused

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from litestar import Response
    from litestar.config.app import AppConfig
    from litestar.connection import ASGIConnection
    from litestar.handlers import BaseRouteHandler

    from resource_server.challenge import Answer
    from resource_server.guard import Guard
    from resource_server.verifier.scopes import Requirement


def litestar_guard(guard: Guard, requirement: Requirement) -> Callable[..., Awaitable[None]]:
    """Return a guard in Litestar's sense. The caller is at `request.state.principal`."""

    async def check(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
        if handler.opt.get(asgi.GUARD_KEY) is guard:
            return  # the metadata document, under a guard of the whole application
        scope: Any = connection.scope
        who = asgi.find_principal(scope, guard) or await asgi.authenticate(scope, guard)
        guard.check(who, requirement)

    return check


def install(config: AppConfig, guard: Guard) -> AppConfig:
    """Have an application answer refusals and serve the metadata of RFC 9728."""
    from litestar import route

    def refused(request: Any, refusal: Any) -> Response[bytes]:
        request.scope[asgi.REASON_KEY], request.scope[asgi.HINT_KEY] = refusal.reason, refusal.hint
        return _response(guard.answer(refusal))

    def serving(path: str) -> Any:
        async def document() -> Any:
            return _response(guard.document(path))

        document.__annotations__["return"] = _response_type()
        return route(path, http_method=["GET", "HEAD"], include_in_schema=False, opt={asgi.GUARD_KEY: guard})(document)

    config.exception_handlers = {**config.exception_handlers, TokenRefused: refused}
    config.route_handlers += [serving(path) for path in sorted(guard.document_paths)]
    return config


def _response_type() -> Any:
    from litestar import Response

    return Response[bytes]


def _response(answer: Answer) -> Response[bytes]:
    from litestar import Response

    # Litestar counts the length itself.
    headers = {name: value for name, value in answer.headers if name not in {"content-length", "content-type"}}
    return Response(answer.body, status_code=answer.status, media_type="application/json", headers=headers)
