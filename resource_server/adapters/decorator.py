"""`@guard.requires(...)`: what an endpoint asks of its caller, whatever the framework.

Works behind the guard's middleware (which has verified the token already) and without it. The framework is known by the request that the
endpoint is called for; only frameworks that the program has imported itself are looked at.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from resource_server.adapters.contract import Door
from resource_server.verifier.errors import TokenRefused

if TYPE_CHECKING:
    from resource_server.guard import Guard
    from resource_server.verifier.scopes import Requirement

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])

# Flask last: it is known by the context, not by an argument, and a context may be open around anything.
_FRAMEWORKS: Final = ("starlette", "django", "flask")


class Decorator(Protocol):
    """Takes an endpoint and returns one that looks the same to the router."""

    def __call__(self, endpoint: Endpoint, /) -> Endpoint: ...


def requires(guard: Guard, requirement: Requirement) -> Decorator:
    """Return a decorator that runs an endpoint only for callers that meet the requirement.

    With nothing named, any good token passes. The decorated endpoint raises TypeError if no request can be found.
    """

    def decorate(endpoint: Endpoint, /) -> Endpoint:
        decorated = _asynchronous if inspect.iscoroutinefunction(endpoint) else _synchronous
        guarded: Endpoint = decorated(endpoint, guard, requirement)
        return guarded

    return decorate


def _asynchronous(endpoint: Any, guard: Guard, requirement: Requirement) -> Any:
    @functools.wraps(endpoint)
    async def guarded(*args: Any, **kwargs: Any) -> Any:
        door, request = _find_request(args, kwargs)
        try:
            who = door.find_principal(request, guard) or await door.aauthenticate(request, guard)
            guard.check(who, requirement)
        except TokenRefused as refusal:
            return door.refuse(request, refusal, guard)
        return await endpoint(*args, **kwargs)

    return guarded


def _synchronous(endpoint: Any, guard: Guard, requirement: Requirement) -> Any:
    @functools.wraps(endpoint)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        door, request = _find_request(args, kwargs)
        try:
            who = door.find_principal(request, guard) or door.authenticate(request, guard)
            guard.check(who, requirement)
        except TokenRefused as refusal:
            return door.refuse(request, refusal, guard)
        return endpoint(*args, **kwargs)

    return guarded


def _find_request(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Door, Any]:
    for framework in _FRAMEWORKS:
        if framework in sys.modules:
            door = _door(framework)
            request = door.find_request(args, kwargs)
            if request is not None:
                return door, request
    raise TypeError(
        "the decorated endpoint needs a parameter of type starlette.requests.Request or django.http.HttpRequest, "
        "or to be called inside a request of Flask"
    )


@functools.cache
def _door(framework: str) -> Door:
    door: Door = import_module(f"resource_server.adapters.{framework}").door()
    return door
