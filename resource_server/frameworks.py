"""One line for each framework: the part of `Guard` that leads to the adapters. Each adapter is imported when it is asked for.

`scopes` are all needed. `rules` are `any_scope`, `role`, `any_role`, `permission` (the claim `entitlements`), `any_permission`, `person`,
`acr` and `max_age`; see `verifier/scopes.py`. With neither, any good token passes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar, Unpack, cast

from resource_server.current import find_current
from resource_server.verifier.scopes import Requirement, Rules, requirement

if TYPE_CHECKING:
    from resource_server.adapters.asgi import AsgiApp
    from resource_server.adapters.decorator import Decorator
    from resource_server.adapters.wsgi import WsgiApp
    from resource_server.guard import Guard
    from resource_server.principal import Principal

Function = TypeVar("Function", bound=Callable[..., Any])


class Frameworks:
    """The doors of a guard. `Guard` is its only subclass."""

    asked_scopes: frozenset[str] = frozenset()

    @property
    def _own(self) -> Guard:
        return cast("Guard", self)  # the only subclass

    def requirement(self, *scopes: str, **rules: Unpack[Rules]) -> Requirement:
        """Return what these words ask for, and note the scopes for the metadata document.

        Raises:
            ValueError: a name is empty or malformed, or a list is empty.
            TypeError: a word that is none of the rules.
        """
        asked = requirement(*scopes, **rules)
        self.asked_scopes |= asked.scopes | (asked.any_scope or frozenset())
        return asked

    @property
    def current(self) -> Principal:
        """The caller of the work at hand: in Flask, plain WSGI, gRPC, and functions under `protected`.

        Raises:
            LookupError: nobody was let in here by this guard.
        """
        return find_current(self._own)

    # Functions and workers.

    def protected(
        self, *scopes: str, get_token: Callable[..., str | bytes], **rules: Unpack[Rules]
    ) -> Callable[[Function], Function]:
        """Return a decorator for functions, plain or `async`, that are called with a token among their arguments.

        Args:
            get_token: takes the same arguments and returns the token.
        """
        from resource_server.protected import protected

        return protected(self._own, self.requirement(*scopes, **rules), get_token)

    # Whole applications: everything but `public` needs a good token.

    def wrap(self, app: AsgiApp, *scopes: str, public: Collection[str] = (), **rules: Unpack[Rules]) -> AsgiApp:
        """Return an ASGI application that lets only callers with a good token through to `app`.

        Args:
            public: exact paths that need no token.
        """
        from resource_server.adapters.asgi import GuardMiddleware

        return GuardMiddleware(app, self._own, public, self._rule(scopes, rules))

    def asgi(self, *scopes: str, public: Collection[str] = (), **rules: Unpack[Rules]) -> Any:
        """Return the same as an entry of a Starlette or FastAPI `middleware` list, which unpacks it whatever its type."""
        from resource_server.adapters.asgi import middleware_entry

        return middleware_entry(self._own, public, self._rule(scopes, rules))

    def wsgi(self, app: WsgiApp, *scopes: str, public: Collection[str] = (), **rules: Unpack[Rules]) -> WsgiApp:
        """Return a WSGI application that does the same; the caller is at `environ["resource_server.principal"]`."""
        from resource_server.adapters.wsgi import GuardMiddleware

        return GuardMiddleware(app, self._own, public, self._rule(scopes, rules))

    def flask(self, app: Any, *, public: Collection[str] = ()) -> None:
        """Have a Flask application let only callers with a good token in; the caller is at `guard.current`."""
        from resource_server.adapters.flask import install

        install(app, self._own, public)

    # Single endpoints.

    def requires(self, *scopes: str, **rules: Unpack[Rules]) -> Decorator:
        """Return a decorator for endpoints of Starlette, FastAPI, Flask and Django, plain or `async`."""
        from resource_server.adapters.decorator import requires

        return requires(self._own, self.requirement(*scopes, **rules))

    def fastapi(self, *scopes: str, **rules: Unpack[Rules]) -> Any:
        """Return a dependency for `Annotated[Principal, ...]`; the OpenAPI document has its scheme and scopes. See `install`."""
        from resource_server.adapters.fastapi import dependency

        return dependency(self._own, scopes, self.requirement(*scopes, **rules))

    def litestar(self, *scopes: str, **rules: Unpack[Rules]) -> Any:
        """Return an entry of a Litestar `guards` list. See `install`."""
        from resource_server.adapters.litestar import litestar_guard

        return litestar_guard(self._own, self.requirement(*scopes, **rules))

    def install(self, app: Any) -> Any:
        """Have a FastAPI or Starlette application answer refusals and serve the metadata; Litestar takes it in `on_app_init`."""
        if type(app).__module__.partition(".")[0] == "litestar":
            from resource_server.adapters import litestar

            return litestar.install(app, self._own)
        from resource_server.adapters import starlette

        starlette.install(app, self._own)
        return app

    # Other protocols.

    def grpc(self, methods: Mapping[str, Iterable[str] | Requirement] | None = None, *, public: Collection[str] = ()) -> Any:
        """Return an interceptor for `grpc.aio.server`; the caller is at `guard.current`.

        Args:
            methods: full names such as `/shop.Orders/List`, each with its scopes or a `guard.requirement(...)`; any other method takes
                any good token.
            public: methods that need no token, such as those of the health service.
        """
        from resource_server.adapters.grpc import interceptor

        asked = {
            method: rule if isinstance(rule, Requirement) else self.requirement(*_not_text(rule))
            for method, rule in (methods or {}).items()
        }
        return interceptor(self._own, asked, public)

    def mcp(self) -> Any:
        """Return a `token_verifier` for the MCP Python SDK; see `mcp_auth`, and `wrap` for the answers of the kit."""
        from resource_server.adapters.mcp import token_verifier

        return token_verifier(self._own)

    def mcp_auth(self, *scopes: str) -> Any:
        """Return the `auth` settings that go with it: issuer, this resource, and the scopes that every request needs."""
        from resource_server.adapters.mcp import auth_settings

        self.requirement(*scopes)
        return auth_settings(self._own, scopes)

    def _rule(self, scopes: tuple[str, ...], rules: Rules) -> Requirement | None:
        return self.requirement(*scopes, **rules) if scopes or rules else None


def _not_text(scopes: Iterable[str]) -> Iterable[str]:
    if isinstance(scopes, str):
        raise TypeError("the scopes of a method are a list, not one text")
    return scopes
