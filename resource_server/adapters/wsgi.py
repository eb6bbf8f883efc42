"""Plain WSGI (PEP 3333), for any WSGI framework or none. Flask and Django read their requests by it too.

A known key never waits; a token with an unknown one may hold its thread for at most a second.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, MutableMapping, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from resource_server.adapters.asgi import public_paths
from resource_server.bearer import find_token
from resource_server.verifier.errors import TokenRefused

if TYPE_CHECKING:
    from resource_server.challenge import Answer
    from resource_server.guard import Guard
    from resource_server.principal import Principal
    from resource_server.verifier.scopes import Requirement

Environ: TypeAlias = MutableMapping[str, Any]
StartResponse: TypeAlias = Callable[..., Any]
WsgiApp: TypeAlias = Callable[[Environ, StartResponse], Iterable[bytes]]

GUARD_KEY: Final = "resource_server.guard"
PRINCIPAL_KEY: Final = "resource_server.principal"
REASON_KEY: Final = "resource_server.reason"
HINT_KEY: Final = "resource_server.hint"
# Several headers of one name arrive joined by commas. Neither a bearer token nor Basic credentials hold one, and what follows a comma
# in the parameters of other schemes is no scheme with a space behind it.
_ANOTHER_HEADER: Final = re.compile(r", *(?=[A-Za-z0-9!#$%&'*+.^_`|~-]+ )")


class GuardMiddleware:
    """Lets a request through if its path is public or its token is good; the caller is then at `environ["resource_server.principal"]`.

    Serves the metadata of RFC 9728 at its own paths, unless those are public. A `TokenRefused` that the application raises before it
    answers is answered here as well.
    """

    def __init__(self, app: WsgiApp, guard: Guard, public: Collection[str] = (), requirement: Requirement | None = None) -> None:
        self._app, self._guard, self._requirement = app, guard, requirement
        self._public = public_paths(public)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "") or "/"
        if path in self._public:
            return self._app(environ, start_response)
        if is_document(self._guard, path, environ["REQUEST_METHOD"]):
            return _reply(environ, start_response, self._guard.document(path))
        try:
            who = authenticate(environ, self._guard)
            if self._requirement is not None:
                self._guard.check(who, self._requirement)
            return self._app(environ, start_response)
        except TokenRefused as refusal:
            return _reply(environ, start_response, refused(environ, refusal, self._guard))


def authenticate(environ: Environ, guard: Guard) -> Principal:
    """Return the caller of a request, verified by this guard, and note it in the environment.

    Raises:
        TokenRefused: there is no good token.
    """
    who = guard.verify(token_of(environ, guard))
    remember(environ, guard, who)
    return who


async def aauthenticate(environ: Environ, guard: Guard) -> Principal:
    """Like `authenticate`, without blocking the event loop."""
    who = await guard.averify(token_of(environ, guard))
    remember(environ, guard, who)
    return who


def token_of(environ: Environ, guard: Guard) -> bytes:
    """Return the token that a request carries.

    Raises:
        NoToken, InvalidRequest, OriginNotAllowed: none, no single one, or one that this page may not use.
    """
    given = environ.get("HTTP_AUTHORIZATION")
    if given is not None or guard.cookies is None:
        return find_token(() if given is None else _separate(given))
    cookies, origins = ([environ[key].encode("latin-1")] if key in environ else [] for key in ("HTTP_COOKIE", "HTTP_ORIGIN"))
    return guard.cookies.find_token(environ["REQUEST_METHOD"], cookies, origins)


def remember(environ: Environ, guard: Guard, who: Principal) -> None:
    """Note in the environment who calls, and which guard says so."""
    environ[PRINCIPAL_KEY], environ[GUARD_KEY] = who, guard


def find_principal(environ: Environ, guard: Guard) -> Principal | None:
    """Return the caller that this very guard has verified for this request, if it has."""
    return environ.get(PRINCIPAL_KEY) if environ.get(GUARD_KEY) is guard else None


def refused(environ: Environ, refusal: TokenRefused, guard: Guard) -> Answer:
    """Return the answer to a refused request. The reason, and the operator's hint, are left in the environment for whoever logs."""
    environ[REASON_KEY], environ[HINT_KEY] = refusal.reason, refusal.hint
    return guard.answer(refusal)


def is_document(guard: Guard, path: str, method: str) -> bool:
    """Say whether a request asks for the API's own metadata."""
    return path in guard.document_paths and method in {"GET", "HEAD"}


def _separate(header: str) -> Sequence[bytes]:
    return [value.encode("latin-1", "replace") for value in _ANOTHER_HEADER.split(header)]


def _reply(environ: Environ, start_response: StartResponse, answer: Answer) -> Iterable[bytes]:
    start_response(f"{answer.status} {HTTPStatus(answer.status).phrase}", list(answer.headers))
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [answer.body]
