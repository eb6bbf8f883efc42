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

from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any, Final

from resource_server.adapters.asgi import public_paths
from resource_server.bearer import find_token
from resource_server.current import let_in
from resource_server.verifier.errors import TokenRefused

if TYPE_CHECKING:
    from resource_server.guard import Guard
    from resource_server.verifier.scopes import Requirement

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
            # gRPC runs the interceptors and the method of one call in one context, which is empty at first.
            let_in(guard, who)
            return await continuation(details)

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

    async def refuse(_requests: Any, context: Any) -> None:
        await context.abort(codes[refusal.status], refusal.description, trailing)

    asked_in_stream = handler is not None and handler.request_streaming
    answered_in_stream = handler is not None and handler.response_streaming
    make = {
        (False, False): grpc.unary_unary_rpc_method_handler,
        (False, True): grpc.unary_stream_rpc_method_handler,
        (True, False): grpc.stream_unary_rpc_method_handler,
        (True, True): grpc.stream_stream_rpc_method_handler,
    }[asked_in_stream, answered_in_stream]
    return make(refuse)
