"""Which of the scopes asked for are granted (RFC 6749 section 3.3)."""

from __future__ import annotations

from typing import Final

from auth_server.protocol.client import Client
from auth_server.protocol.errors import InvalidScope
from auth_server.protocol.resource import Resource

# RFC 6749 has no word for it; OpenID Connect Core 1.0 section 11 does: refresh tokens that outlive the sign-in session.
OFFLINE_ACCESS: Final = "offline_access"
OPENID: Final = "openid"
# Scopes that belong to no resource.
UNOWNED: Final = frozenset({OFFLINE_ACCESS, OPENID, "profile", "email", "address", "phone", "groups"})


def narrow_scope(
    asked: frozenset[str] | None, client: Client, resource: Resource, permissions: frozenset[str] | None
) -> frozenset[str]:
    """Return the scopes of `resource` that are granted.

    What was asked, cut to what the client may have and the resource offers; nothing asked means all of that. A scope that requires a
    permission is granted only to a person who has it.

    Args:
        permissions: those of the person; None when there is none (a client acting for itself).

    Raises:
        InvalidScope: scopes were asked for, and none is left.
    """
    offered = resource.scopes
    allowed = frozenset(offered) if client.is_first_party else client.scope.intersection(offered)
    granted = frozenset(
        name
        for name in (allowed if asked is None else asked & allowed)
        if _is_permitted(offered[name].requires_permission, permissions)
    )
    if asked and not granted:
        raise InvalidScope("none of the scopes can be granted here")
    return granted


def grant_scope(
    asked: frozenset[str] | None, client: Client, resource: Resource | None, permissions: frozenset[str] | None
) -> frozenset[str]:
    """Return everything that is granted: scopes of the resource, and of those that belong to none what the client may have.

    Nothing here raises: a person without permissions may be granted nothing at all, and what that means is for the caller to say.

    Args:
        resource: None when somebody is signed in and no API is opened.
    """
    unowned = frozenset() if asked is None else asked & UNOWNED & client.scope
    if resource is None:
        return unowned
    owned = None if asked is None else asked - UNOWNED
    try:
        return unowned | narrow_scope(owned, client, resource, permissions)
    except InvalidScope:
        return unowned


def granted_today(
    granted: frozenset[str], client: Client, resource: Resource, permissions: frozenset[str] | None
) -> frozenset[str]:
    """Return what is left today of scopes that were granted once.

    Raises:
        InvalidScope: nothing is.
    """
    unowned = granted & UNOWNED
    unowned = unowned if client.is_first_party else unowned & client.scope
    if unowned:
        try:
            return unowned | narrow_scope(granted - UNOWNED, client, resource, permissions)
        except InvalidScope:
            return unowned
    return narrow_scope(granted, client, resource, permissions) if granted else frozenset()


def _is_permitted(required: str | None, permissions: frozenset[str] | None) -> bool:
    return required is None or (permissions is not None and required in permissions)


def may_go_offline(asked: frozenset[str] | None, client: Client) -> bool:
    """Say whether the family outlives the session: `offline_access` was asked for, and the client may have it."""
    return asked is not None and OFFLINE_ACCESS in asked and (client.is_first_party or OFFLINE_ACCESS in client.scope)
