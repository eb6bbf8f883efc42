"""Pure ASGI middleware, for any ASGI framework or none.

A plain `async __call__` on raw headers: no request object, no base class, so that a protected route costs little more than an open one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, MutableMapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from resource_server.bearer import find_token
from resource_server.principal import Principal
from resource_server.verifier.errors import TokenRefused

if TYPE_CHECKING:
    from resource_server.challenge import Answer
    from resource_server.guard import Guard
    from resource_server.verifier.scopes import Requirement

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
AsgiApp: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

# Which guard vouched for the caller stands beside the caller: with two guards in one application, neither takes the other's word.
GUARD_KEY: Final = "resource_server.guard"
PRINCIPAL_KEY: Final = "principal"
# Where ASGI frameworks look for who was let in, as `request.auth`: one step, where `request.state` makes an object for each request.
AUTH_KEY: Final = "auth"
REASON_KEY: Final = "resource_server.reason"
HINT_KEY: Final = "resource_server.hint"
POLICY_VIOLATION: Final = 1008
_REQUESTS: Final = frozenset({"http", "websocket"})


class GuardMiddleware:
    """Lets a request through if its path is public or its token is good; the caller is then at `request.auth`
    and at `request.state.principal`.

    Serves the metadata of RFC 9728 at its own paths, unless those are public, which says that the application has a route for them.
    A `TokenRefused` that a handler raises is answered here as well. Public paths are compared exactly, after the server has decoded
    them: a prefix rule would make more public than was meant.
    """

    def __init__(self, app: AsgiApp, guard: Guard, public: Collection[str] = (), requirement: Requirement | None = None) -> None:
        self._app, self._guard, self._requirement = app, guard, requirement
        self._public = public_paths(public)
        # One look decides for all paths that need no token.
        self._open = self._public | guard.document_paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in _REQUESTS:
            if scope["type"] == "lifespan":
                self._guard.start()
            await self._app(scope, receive, send)
            return
        if scope["path"] in self._open and await self._serve_openly(scope, receive, send):
            return
        started = False

        # No coroutine of its own: it hands on the one that `send` makes.
        def watched_send(message: Message) -> Awaitable[None]:
            nonlocal started
            started = True
            return send(message)

        guard = self._guard
        try:
            who = guard.look(token_of(scope, guard))
            if not isinstance(who, Principal):
                who = await who
            remember(scope, guard, who)
            if self._requirement is not None:
                guard.check(who, self._requirement)
            await self._app(scope, receive, watched_send)
        except TokenRefused as refusal:
            if started:
                raise
            await refuse(scope, send, refusal, guard)

    async def _serve_openly(self, scope: Scope, receive: Receive, send: Send) -> bool:
        """Serve a path that needs no token; return False for a document's path that is asked in another way than by reading it."""
        path = scope["path"]
        if path in self._public:
            await self._app(scope, receive, send)
        elif scope["type"] == "http" and scope["method"] in {"GET", "HEAD"}:
            await reply(send, self._guard.document(path))
        else:
            return False
        return True


class MiddlewareEntry(NamedTuple):
    """What Starlette and FastAPI unpack from an entry of their `middleware` list."""

    cls: Callable[..., AsgiApp]
    args: tuple[object, ...]
    kwargs: dict[str, object]


def middleware_entry(guard: Guard, public: Collection[str], requirement: Requirement | None) -> MiddlewareEntry:
    """Return a guard's middleware as an entry of a `middleware` list."""
    return MiddlewareEntry(GuardMiddleware, (), {"guard": guard, "public": public, "requirement": requirement})


def public_paths(public: Collection[str]) -> frozenset[str]:
    """Return the paths that need no token (TypeError for a lone text, whose letters would be paths)."""
    if isinstance(public, str):
        raise TypeError("public is a collection of paths, not one path")
    return frozenset(public)


def token_of(scope: Scope, guard: Guard) -> bytes:
    """Return the token that a request carries.

    Raises:
        NoToken, InvalidRequest, OriginNotAllowed: none, no single one, or one that this page may not use.
    """
    authorization = []
    for name, value in scope["headers"]:  # a loop, since a comprehension is a call, and every request comes by here
        if name == b"authorization":
            authorization.append(value)
    if authorization or guard.cookies is None:
        return find_token(authorization)
    cookies = [value for name, value in scope["headers"] if name == b"cookie"]
    origins = [value for name, value in scope["headers"] if name == b"origin"]
    return guard.cookies.find_token(scope.get("method", "WEBSOCKET"), cookies, origins)


async def authenticate(scope: Scope, guard: Guard) -> Principal:
    """Return the caller of a request, verified by this guard, and note it in the request's state.

    Raises:
        TokenRefused: there is no good token.
    """
    who = await guard.averify(token_of(scope, guard))
    remember(scope, guard, who)
    return who


def remember(scope: Scope, guard: Guard, who: Principal) -> None:
    """Note in the request's state who calls, and which guard says so."""
    scope.setdefault("state", {})[PRINCIPAL_KEY] = scope[AUTH_KEY] = who
    scope[GUARD_KEY] = guard


def find_principal(scope: Scope, guard: Guard) -> Principal | None:
    """Return the caller that this very guard has verified for this request, if it has."""
    if scope.get(GUARD_KEY) is not guard:
        return None
    who: Principal | None = scope["state"].get(PRINCIPAL_KEY)
    return who


async def refuse(scope: Scope, send: Send, refusal: TokenRefused, guard: Guard) -> None:
    """Answer a refused request. The reason, and the operator's hint, are left in the scope for whoever logs."""
    scope[REASON_KEY], scope[HINT_KEY] = refusal.reason, refusal.hint
    answer = guard.answer(refusal)
    prefix = ""
    if scope["type"] == "websocket":
        if "websocket.http.response" not in scope.get("extensions", {}):
            await send({"type": "websocket.close", "code": POLICY_VIOLATION, "reason": refusal.reason})
            return
        prefix = "websocket."
    await reply(send, answer, prefix)


async def reply(send: Send, answer: Answer, prefix: str = "") -> None:
    """Send an answer."""
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers]
    await send({"type": f"{prefix}http.response.start", "status": answer.status, "headers": headers})
    await send({"type": f"{prefix}http.response.body", "body": answer.body})
