"""The grants: `grant_types_supported`."""

from __future__ import annotations

from typing import Any, Final

from auth_server.grants.authorization_code import AuthorizationCode
from auth_server.grants.client_credentials import ClientCredentials
from auth_server.grants.contract import Collaborators, Grant
from auth_server.grants.device_code import DeviceCodeGrant
from auth_server.grants.jwt_bearer import JwtBearer
from auth_server.grants.refresh_token import RefreshTokenGrant

MEMBERS: Final[tuple[type[Grant[Any, Any]], ...]] = (
    AuthorizationCode,
    RefreshTokenGrant,
    ClientCredentials,
    DeviceCodeGrant,
    JwtBearer,
)

GRANT_TYPES: Final = tuple(member.grant_type for member in MEMBERS)


def all_grants(collaborators: Collaborators) -> dict[str, Grant[Any, Any]]:
    """Return every grant by its grant_type."""
    return {member.grant_type: member.build(collaborators) for member in MEMBERS}
