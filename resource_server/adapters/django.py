"""Django: a middleware by settings, and `@requires(...)` on plain and `async` views.

    MIDDLEWARE = [..., "resource_server.adapters.django.GuardMiddleware"]
    RESOURCE_SERVER = {"ISSUER": "https://id.example.com", "AUDIENCE": "https://orders.example.com", "PUBLIC": ["/livez"]}

The members of RESOURCE_SERVER are the arguments of `Guard` in capitals, or `GUARD` alone with one of your own; without the setting, the
`RESOURCE_SERVER_*` variables of the environment are read. Besides them: `PUBLIC`, exact paths that need no token, and `PREFIXES`, outside
of which the middleware does nothing (for a site that has pages with sessions beside its API).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Unpack

from resource_server.adapters import wsgi
from resource_server.adapters.asgi import public_paths
from resource_server.adapters.contract import Door
from resource_server.verifier.errors import TokenRefused
from resource_server.verifier.scopes import Rules

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from resource_server.adapters.decorator import Decorator
    from resource_server.challenge import Answer
    from resource_server.guard import Guard
    from resource_server.principal import Principal

_OURS: Final = ("GUARD", "PUBLIC", "PREFIXES")


def _setting() -> dict[str, Any]:
    from django.conf import settings

    named: dict[str, Any] = getattr(settings, "RESOURCE_SERVER", {})
    return named


@lru_cache(maxsize=1)
def site_guard() -> Guard:
    """Return the guard of this site, made once.

    Raises:
        ValueError, TypeError, SettingsError: the settings do not make one.
    """
    from resource_server.guard import Guard

    named = _setting()
    if "GUARD" in named:
        given: Guard = named["GUARD"]
        return given
    arguments = {name.lower(): value for name, value in named.items() if name not in _OURS}
    return Guard(**arguments) if arguments else Guard.from_env()


def requires(*scopes: str, **rules: Unpack[Rules]) -> Decorator:
    """Return a decorator for views, plain or `async`; the words are those of `Guard.requires`."""
    return site_guard().requires(*scopes, **rules)


class GuardMiddleware:
    """Lets a request through if its path is public or its token is good; the caller is then `request.principal`.

    Works under WSGI and ASGI without changing threads. A `TokenRefused` that a view raises is answered here as well.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        from asgiref.sync import iscoroutinefunction, markcoroutinefunction

        named = _setting()
        self._guard, self._get_response = site_guard(), get_response
        self._public = public_paths(named.get("PUBLIC", ()))
        self._prefixes = tuple(named.get("PREFIXES", ("/",)))
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponse | Awaitable[HttpResponse]:
        if self._is_async:
            return self._acall(request)
        found = self._without_token(request)
        if found is not None:
            return found
        if self._is_guarded(request):
            try:
                _note(request, wsgi.authenticate(request.META, self._guard))
            except TokenRefused as refusal:
                return refusal_response(request, refusal, self._guard)
        response: HttpResponse = self._get_response(request)
        return response

    async def _acall(self, request: HttpRequest) -> HttpResponse:
        found = self._without_token(request)
        if found is not None:
            return found
        if self._is_guarded(request):
            try:
                _note(request, await wsgi.aauthenticate(request.META, self._guard))
            except TokenRefused as refusal:
                return refusal_response(request, refusal, self._guard)
        response: HttpResponse = await self._get_response(request)
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Answer a refusal that a view, or a class of Django REST framework, raised."""
        return refusal_response(request, exception, self._guard) if isinstance(exception, TokenRefused) else None

    def _without_token(self, request: HttpRequest) -> HttpResponse | None:
        if request.path_info not in self._public and wsgi.is_document(self._guard, request.path_info, request.method or ""):
            return _response(self._guard.document(request.path_info))
        return None

    def _is_guarded(self, request: HttpRequest) -> bool:
        # By the same text that the router goes by, so that nothing is routed that was not looked at.
        return request.path_info not in self._public and request.path_info.startswith(self._prefixes)


def refusal_response(request: HttpRequest, refusal: TokenRefused, guard: Guard) -> HttpResponse:
    """Return Django's response to a refused request."""
    return _response(wsgi.refused(request.META, refusal, guard))


def _note(request: HttpRequest, who: Principal) -> None:
    request.principal = who


def _response(answer: Answer) -> HttpResponse:
    from django.http import HttpResponse

    response = HttpResponse(answer.body, status=answer.status)
    for name, value in answer.headers:
        response[name] = value
    return response


def door() -> Door:
    """Return Django's part of `@guard.requires`."""
    from django.http import HttpRequest

    class DjangoDoor:
        def find_request(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> HttpRequest | None:
            for argument in (*args, *kwargs.values()):
                # A request of Django REST framework wraps Django's own.
                request = argument if isinstance(argument, HttpRequest) else getattr(argument, "_request", None)
                if isinstance(request, HttpRequest):
                    return request
            return None

        def find_principal(self, request: HttpRequest, guard: Guard) -> Principal | None:
            return wsgi.find_principal(request.META, guard)

        def authenticate(self, request: HttpRequest, guard: Guard) -> Principal:
            who = wsgi.authenticate(request.META, guard)
            _note(request, who)
            return who

        async def aauthenticate(self, request: HttpRequest, guard: Guard) -> Principal:
            who = await wsgi.aauthenticate(request.META, guard)
            _note(request, who)
            return who

        def refuse(self, request: HttpRequest, refusal: TokenRefused, guard: Guard) -> HttpResponse:
            return refusal_response(request, refusal, guard)

    return DjangoDoor()
