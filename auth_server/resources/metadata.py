"""Which descriptions of a protected resource make sense (RFC 8707 section 2, RFC 9728 section 2)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from auth_server.keys.encryption import encryption_keys_fault
from auth_server.protocol.resource import Resource
from auth_server.protocol.scope import UNOWNED
from auth_server.protocol.signing import signing_alg_fault
from auth_server.protocol.user_claims import declaration_fault
from shared import jose
from shared.scope import is_scope_token
from shared.settings import server_url

MAX_SCOPES: Final = 200


def faults(resource: Resource, algorithms: Collection[str] = jose.ALGORITHMS) -> list[str]:
    """Return a sentence for each thing that is wrong with a resource.

    Args:
        algorithms: those the server signs with, as far as that is known.
    """
    found = []
    try:
        server_url(resource.identifier)
    except ValueError as error:
        found.append(f"identifier {error}")
    if len(resource.scopes) > MAX_SCOPES:
        found.append(f"at most {MAX_SCOPES} scopes")
    for scope in resource.scopes.values():
        if not is_scope_token(scope.name):
            found.append(f"malformed scope {scope.name!r}")
        if scope.name in UNOWNED:
            found.append(f"{scope.name} is a scope of the issuer itself")
    named = {scope.requires_permission for scope in resource.scopes.values() if scope.requires_permission} | resource.permissions
    found += [f"malformed permission {name!r}" for name in sorted(named) if not is_scope_token(name)]
    if resource.access_token_lifetime is not None and not 1 <= resource.access_token_lifetime <= 3600:
        found.append("access_token_lifetime must be from 1 to 3600 seconds")
    if (fault := signing_alg_fault(resource.signing_alg, algorithms)) is not None:
        found.append(fault)
    found += [f"claim {name} {wrong}" for name in sorted(resource.claims) if (wrong := declaration_fault(name))]
    if resource.encryption_jwks_uri is not None and (fault := encryption_keys_fault(resource.encryption_jwks_uri)) is not None:
        found.append(f"encryption_jwks_uri {fault}")
    return found
