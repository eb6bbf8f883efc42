"""gRPC: an interceptor for `grpc.aio.server`. The token is in the metadata entry `authorization`, as in HTTP.

    HTTP  gRPC
    400   INVALID_ARGUMENT
    401   UNAUTHENTICATED
    403   PERMISSION_DENIED
    503   UNAVAILABLE

The trailing metadata of a refusal hold `reason`, `www-authenticate` and `retry-after`, as far as HTTP would have them; the details are the
fixed description.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, Final

from resource_server.adapters.asgi import public_paths
from resource_server.bearer import find_token
from resource_server.current import let_in
from resource_server.verifier.errors import TokenRefused

if TYPE_CHECKING:
    from resource_server.guard import Guard
    from resource_server.verifier.scopes import Requirement

_END: Final = object()
_TOLD: Final = ("www-authenticate", "retry-after")


def interceptor(guard: Guard, methods: Mapping[str, Requirement], public: Collection[str]) -> Any:
    """Return the interceptor; see `Frameworks.grpc`."""
    from grpc.aio import ServerInterceptor

    open_methods = public_paths(public)

    class GuardInterceptor(ServerInterceptor):  # type: ignore[misc]  # grpc ships no types
        async def intercept_service(self, continuation: Callable[[Any], Awaitable[Any]], details: Any) -> Any:
            if details.method in open_methods:
                return await continuation(details)
            try:
                who = await guard.averify(find_token(_authorization(details.invocation_metadata)))
                requirement = methods.get(details.method)
                if requirement is not None:
                    guard.check(who, requirement)
            except TokenRefused as refusal:
                return _refusing(refusal, await continuation(details), guard)
            # gRPC runs the interceptors and an async method of one call in one context, which is empty at first.
            let_in(guard, who)
            return _in_this_context(await continuation(details))

    return GuardInterceptor()


def _authorization(metadata: Any) -> list[bytes]:
    return [value.encode() if isinstance(value, str) else value for name, value in metadata or () if name == "authorization"]


def _refusing(refusal: TokenRefused, handler: Any, guard: Guard) -> Any:
    """Return a handler of the same kind as the method's own, which only says no."""
    import grpc

    codes = {
        400: grpc.StatusCode.INVALID_ARGUMENT,
        401: grpc.StatusCode.UNAUTHENTICATED,
        403: grpc.StatusCode.PERMISSION_DENIED,
        503: grpc.StatusCode.UNAVAILABLE,
    }
    answer = guard.answer(refusal)
    trailing = (("reason", refusal.reason), *((name, value) for name, value in answer.headers if name in _TOLD))

    async def refuse(_request: Any, context: Any) -> None:
        await context.abort(codes[refusal.status], refusal.description, trailing)

    # Where there is no such method, whoever has no token does not learn it.
    return getattr(grpc, f"{_kind(handler)}_rpc_method_handler")(refuse)


def _kind(handler: Any) -> str:
    if handler is None:
        return "unary_unary"
    return f"{'stream' if handler.request_streaming else 'unary'}_{'stream' if handler.response_streaming else 'unary'}"


def _in_this_context(handler: Any) -> Any:
    """Return a handler whose plain method, which gRPC runs in a thread, sees this context too; any other as it is."""
    if handler is None:
        return None
    kind = _kind(handler)
    behaviour = getattr(handler, kind)
    if inspect.iscoroutinefunction(behaviour) or inspect.isasyncgenfunction(behaviour):
        return handler
    import grpc

    context = copy_context()

    def whole(request: Any, call: Any) -> Any:
        return context.run(behaviour, request, call)

    def piecewise(request: Any, call: Any) -> Iterator[Any]:
        answers = context.run(behaviour, request, call)
        while (answer := context.run(next, answers, _END)) is not _END:
            yield answer

    carried = piecewise if handler.response_streaming else whole
    make = getattr(grpc, f"{kind}_rpc_method_handler")
    return make(carried, handler.request_deserializer, handler.response_serializer)
