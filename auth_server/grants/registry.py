"""The grants: `grant_types_supported`."""

from __future__ import annotations

from typing import Any, Final

from auth_server.grants.authorization_code import AuthorizationCode
from auth_server.grants.client_credentials import ClientCredentials
from auth_server.grants.contract import Collaborators, Grant
from auth_server.grants.device_code import DeviceCodeGrant
from auth_server.grants.jwt_bearer import JwtBearer
from auth_server.grants.refresh_token import RefreshTokenGrant
from auth_server.grants.token_exchange import TOKEN_EXCHANGE, TokenExchange

MEMBERS: Final[tuple[type[Grant[Any, Any]], ...]] = (
    AuthorizationCode,
    RefreshTokenGrant,
    ClientCredentials,
    DeviceCodeGrant,
    JwtBearer,
    TokenExchange,
)

GRANT_TYPES: Final = tuple(member.grant_type for member in MEMBERS)


def all_grants(collaborators: Collaborators, *, exchange: bool = True) -> dict[str, Grant[Any, Any]]:
    """Return every grant by its grant_type; token exchange only where an operator switched it on."""
    served = [member for member in MEMBERS if exchange or member.grant_type != TOKEN_EXCHANGE]
    return {member.grant_type: member.build(collaborators) for member in served}
