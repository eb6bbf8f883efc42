"""The client authentication methods, in the order of the metadata document."""

from __future__ import annotations

from typing import Final

from auth_server.client_auth.client_secret_basic import ClientSecretBasic
from auth_server.client_auth.client_secret_post import ClientSecretPost
from auth_server.client_auth.contract import ClientAuthMethod
from auth_server.client_auth.none import PublicClient

# `token_endpoint_auth_methods_supported`
METHODS: Final[tuple[ClientAuthMethod, ...]] = (
    ClientSecretBasic(),
    ClientSecretPost(),
    PublicClient(),
)
