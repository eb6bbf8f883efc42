"""The ways a client can prove itself: `token_endpoint_auth_methods_supported`."""

from __future__ import annotations

from typing import Final

from auth_server.client_auth.client_secret_basic import ClientSecretBasic
from auth_server.client_auth.client_secret_post import ClientSecretPost
from auth_server.client_auth.contract import ClientAuthMethod, Collaborators
from auth_server.client_auth.none import PublicClient
from auth_server.client_auth.private_key_jwt import PrivateKeyJwt

METHODS: Final[tuple[type[ClientAuthMethod], ...]] = (
    ClientSecretBasic,
    ClientSecretPost,
    PrivateKeyJwt,
    PublicClient,
)

AUTH_METHODS: Final = tuple(member.method for member in METHODS)


def all_methods(collaborators: Collaborators) -> tuple[ClientAuthMethod, ...]:
    """Return every method."""
    return tuple(member.build(collaborators) for member in METHODS)
