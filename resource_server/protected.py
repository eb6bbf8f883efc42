"""Functions that are not web endpoints: queue workers, functions in a cloud, command lines."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from resource_server.current import inside

if TYPE_CHECKING:
    from resource_server.guard import Guard
    from resource_server.verifier.scopes import Requirement

Function = TypeVar("Function", bound=Callable[..., Any])


def protected(guard: Guard, requirement: Requirement, get_token: Callable[..., str | bytes]) -> Callable[[Function], Function]:
    """Return a decorator that runs a function only for a caller with a good token.

    Args:
        get_token: takes the function's arguments and returns the token in them.

    The function raises TokenRefused where its caller is refused. Inside, `guard.current` is the caller.
    """

    def decorate(function: Function) -> Function:
        @functools.wraps(function)
        async def asynchronous(*args: Any, **kwargs: Any) -> Any:
            who = await guard.averify(get_token(*args, **kwargs))
            guard.check(who, requirement)
            with inside(guard, who):
                return await function(*args, **kwargs)

        @functools.wraps(function)
        def synchronous(*args: Any, **kwargs: Any) -> Any:
            who = guard.verify(get_token(*args, **kwargs))
            guard.check(who, requirement)
            with inside(guard, who):
                return function(*args, **kwargs)

        return asynchronous if inspect.iscoroutinefunction(function) else synchronous  # type: ignore[return-value]  # as it was

    return decorate
