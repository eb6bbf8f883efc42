"""What a resource may learn of a person's roles and permissions (RFC 9068 section 2.2.3.1)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from auth_server.protocol.resource import Resource


@dataclass(frozen=True, slots=True)
class Visible:
    """Roles and permissions, sorted, cut to what one resource has a word for."""

    roles: tuple[str, ...]
    permissions: tuple[str, ...]


def permissions_of_roles(roles: Iterable[str], permissions_of: Mapping[str, frozenset[str]]) -> frozenset[str]:
    """Return every permission that these roles carry."""
    return frozenset().union(*(permissions_of.get(role, frozenset()) for role in roles))


def visible_to(resource: Resource, roles: Iterable[str], permissions_of: Mapping[str, frozenset[str]]) -> Visible:
    """Return the permissions that the resource has a word for, and the roles that carry at least one of them.

    A token for one API must not tell it what its holder may do elsewhere.
    """
    words = resource.visible_permissions
    shown = {role: permissions_of.get(role, frozenset()) & words for role in roles}
    return Visible(
        roles=tuple(sorted(role for role, permissions in shown.items() if permissions)),
        permissions=tuple(sorted(frozenset().union(*shown.values()))),
    )
