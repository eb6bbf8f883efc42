"""The resource server kit: verify an issuer's access tokens offline, without a shared secret, and refuse with the right words.

Owns the judgement of tokens, the freshness of the issuer's public keys, and adapters for web frameworks. Refuses to know secrets,
databases and the auth server's code. Importing it needs `PyJWT[crypto]` and no web framework.

    from resource_server import Guard

    guard = Guard(issuer="https://id.example.com", audience="https://orders.example.com")
    who = guard.verify(token)
"""

from resource_server.guard import Guard
from resource_server.issuer import Issuer
from resource_server.principal import Principal
from resource_server.readiness import Readiness
from resource_server.verifier.errors import TokenRefused
from resource_server.verifier.scopes import Requirement
from shared.settings import SettingsError

__all__ = ["Guard", "Issuer", "Principal", "Readiness", "Requirement", "SettingsError", "TokenRefused"]
