"""The document that says which issuer this API trusts and what it takes (RFC 9728)."""

from __future__ import annotations

from collections.abc import Iterable

from shared import scope as scope_string


def protected_resource_metadata(
    resource: str,
    issuers: Iterable[str],
    scopes: Iterable[str] = (),
    *,
    name: str | None = None,
    documentation: str | None = None,
) -> dict[str, object]:
    """Return the metadata of a protected resource, ready for JSON.

    Args:
        resource: the resource identifier: what a token's `aud` must hold.
        issuers: those whose tokens are taken.
        scopes: all scopes that some route asks for.
        name: for people.
        documentation: an address for developers.

    Raises:
        ValueError: a scope is malformed.

    Source: RFC 9728 section 2.
    """
    supported = sorted(set(scopes))
    if not all(scope_string.is_scope_token(scope) for scope in supported):
        raise ValueError("malformed scope")
    document: dict[str, object] = {
        "resource": resource,
        "authorization_servers": list(issuers),
        "bearer_methods_supported": ["header"],
    }
    if supported:
        document["scopes_supported"] = supported
    if name is not None:
        document["resource_name"] = name
    if documentation is not None:
        document["resource_documentation"] = documentation
    return document
