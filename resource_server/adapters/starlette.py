"""Starlette: what an endpoint asks of its caller, as a decorator.

Works behind the middleware (which has verified the token already) and without it. FastAPI's plain endpoints take it as well, as long as
they have a parameter of type `Request`.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response

from resource_server.adapters import asgi
from resource_server.bearer import find_token
from resource_server.principal import Principal
from resource_server.verifier.errors import TokenRefused
from resource_server.verifier.scopes import Requirement

if TYPE_CHECKING:
    from resource_server.guard import Guard

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])


class Decorator(Protocol):
    """Takes an endpoint and returns one that looks the same to the router."""

    def __call__(self, endpoint: Endpoint, /) -> Endpoint: ...


def middleware(guard: Guard, *, public: Collection[str] = ()) -> Middleware:
    """Return the guard's middleware as Starlette's own type."""
    return Middleware(asgi.GuardMiddleware, guard=guard, public=public)


def requires(guard: Guard, requirement: Requirement) -> Decorator:
    """Return a decorator that runs an endpoint only for callers that meet the requirement.

    With nothing named, any good token passes.

    Raises:
        TypeError: the decorated function takes no `Request`.
    """

    def decorate(endpoint: Endpoint, /) -> Endpoint:
        decorated = _asynchronous if inspect.iscoroutinefunction(endpoint) else _synchronous
        guarded: Endpoint = decorated(endpoint, guard, requirement)
        return guarded

    return decorate


def _asynchronous(endpoint: Any, guard: Guard, requirement: Requirement) -> Any:
    @functools.wraps(endpoint)
    async def guarded(*args: Any, **kwargs: Any) -> Any:
        request = _find_request(args, kwargs)
        try:
            who = asgi.find_principal(request.scope, guard) or await asgi.authenticate(request.scope, guard)
            guard.check(who, requirement)
        except TokenRefused as refusal:
            return _response(request, refusal, guard)
        return await endpoint(*args, **kwargs)

    return guarded


def _synchronous(endpoint: Any, guard: Guard, requirement: Requirement) -> Any:
    @functools.wraps(endpoint)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        request = _find_request(args, kwargs)
        try:
            who = asgi.find_principal(request.scope, guard) or _authenticate(request, guard)
            guard.check(who, requirement)
        except TokenRefused as refusal:
            return _response(request, refusal, guard)
        return endpoint(*args, **kwargs)

    return guarded


def _authenticate(request: Request, guard: Guard) -> Principal:
    who = guard.verify(find_token([value for name, value in request.scope["headers"] if name == b"authorization"]))
    asgi.remember(request.scope, guard, who)
    return who


def _find_request(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Request:
    for argument in (*args, *kwargs.values()):
        if isinstance(argument, Request):
            return argument
    raise TypeError("the decorated endpoint needs a parameter of type starlette.requests.Request")


def _response(request: Request, refusal: TokenRefused, guard: Guard) -> Response:
    request.scope[asgi.REASON_KEY], request.scope[asgi.HINT_KEY] = refusal.reason, refusal.hint
    answer = guard.answer(refusal)
    return Response(answer.body, answer.status, dict(answer.headers))
