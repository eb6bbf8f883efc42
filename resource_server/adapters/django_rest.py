"""Django REST framework: an authentication class, and permissions that ask for scopes, roles and permissions.

    REST_FRAMEWORK = {"DEFAULT_AUTHENTICATION_CLASSES": ["resource_server.adapters.django_rest.BearerAuthentication"]}

    class Orders(APIView):
        permission_classes = [permission("orders:read")]

The guard and the answers to refusals are those of `resource_server.adapters.django`, whose middleware has to be in `MIDDLEWARE`; with
`PREFIXES: []` it guards nothing by itself and still answers what these classes refuse.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Unpack

from resource_server.adapters import wsgi
from resource_server.adapters.django import site_guard
from resource_server.principal import Principal
from resource_server.verifier.errors import NoToken
from resource_server.verifier.scopes import Rules

if TYPE_CHECKING:
    from rest_framework.request import Request


@dataclass(frozen=True, slots=True)
class Caller:
    """What stands in `request.user`: no row of a table, but somebody whose token was verified. `request.auth` is the principal."""

    principal: Principal
    is_authenticated: bool = True
    is_anonymous: bool = False
    is_active: bool = True

    @property
    def pk(self) -> str:
        """The caller's `sub`, by which throttles tell callers apart."""
        return self.principal.sub

    def __str__(self) -> str:
        return self.principal.sub


class BearerAuthentication:
    """Verifies the bearer token, if there is one; without one, other classes have their turn."""

    def authenticate(self, request: Request) -> tuple[Caller, Principal] | None:
        """Return the caller, or None where no bearer token was sent.

        Raises:
            TokenRefused: a token was sent, and it is not good.
        """
        guard, environ = site_guard(), request.META
        try:
            who = wsgi.find_principal(environ, guard) or wsgi.authenticate(environ, guard)
        except NoToken:
            return None
        return Caller(who), who

    def authenticate_header(self, _request: Request) -> str:
        """Return the challenge for answers that the framework makes itself."""
        refusal = NoToken()
        site_guard().answer(refusal)
        return refusal.challenge or "Bearer"


def permission(*scopes: str, **rules: Unpack[Rules]) -> Any:
    """Return a permission class; the words are those of `Guard.requires`. It combines with others by `&`.

    It refuses by raising, so that the answer says what would have been enough; so `|` and `~` would not do what they say.
    """
    from rest_framework.permissions import BasePermission

    guard = site_guard()
    requirement = guard.requirement(*scopes, **rules)

    class TokenPermission(BasePermission):  # type: ignore[misc]  # the framework ships no types
        def has_permission(self, request: Request, _view: Any) -> bool:
            if not isinstance(request.auth, Principal):
                raise NoToken
            guard.check(request.auth, requirement)
            return True

    return TokenPermission
