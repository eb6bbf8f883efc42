"""FastAPI: `Annotated[Principal, guard.fastapi("orders:read")]`, which its OpenAPI document shows, and `guard.install(app)`.

The dependency is `async` and reads the request's scope: it costs no thread and no model.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from resource_server.adapters import asgi
from resource_server.principal import Principal
from shared import well_known

if TYPE_CHECKING:
    from starlette.requests import HTTPConnection

    from resource_server.guard import Guard
    from resource_server.verifier.scopes import Requirement


def dependency(guard: Guard, scopes: Sequence[str], requirement: Requirement) -> Any:
    """Return a security dependency whose value is the caller.

    The scheme is OpenID Connect at the first issuer; the OpenAPI document lists `scopes` for each operation.
    """
    from fastapi import Security
    from fastapi.security import OpenIdConnect
    from starlette.requests import HTTPConnection

    class GuardScheme(OpenIdConnect):
        async def __call__(self, request: HTTPConnection) -> Principal:  # type: ignore[override]
            who = asgi.find_principal(request.scope, guard) or await asgi.authenticate(request.scope, guard)
            guard.check(who, requirement)
            return who

    # FastAPI looks names up in this module, where the class of requests is not: nothing of a framework is imported at the top.
    GuardScheme.__call__.__annotations__["request"] = HTTPConnection
    scheme = GuardScheme(
        openIdConnectUrl=well_known.openid_configuration_url(guard.policy.issuer),
        scheme_name="openIdConnect",
        description=f"An access token of {guard.policy.issuer} for {guard.resource}",
    )
    return Security(scheme, scopes=list(scopes))
