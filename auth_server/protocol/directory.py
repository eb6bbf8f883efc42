"""What decisions look up: the resources there are, and the permissions of each role."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from auth_server.protocol.resource import Resource


@dataclass(frozen=True, slots=True)
class Directory:
    """One consistent look at resources (by identifier) and roles (name to permissions)."""

    resources: Mapping[str, Resource]
    permissions_of: Mapping[str, frozenset[str]]
