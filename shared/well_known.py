"""Paths of metadata documents (RFC 8414, OpenID Connect Discovery 1.0, RFC 9728), and how they are joined to an identifier."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit, urlunsplit

OPENID_CONFIGURATION: Final = "/.well-known/openid-configuration"
AUTHORIZATION_SERVER: Final = "/.well-known/oauth-authorization-server"
PROTECTED_RESOURCE: Final = "/.well-known/oauth-protected-resource"
SSF_CONFIGURATION: Final = "/.well-known/ssf-configuration"
JWKS: Final = "/.well-known/jwks.json"
REVOCATION_FEED: Final = "/revocation-feed"


def openid_configuration_url(issuer: str) -> str:
    """Append the path to the issuer (OpenID Connect Discovery 1.0 section 4)."""
    return issuer.rstrip("/") + OPENID_CONFIGURATION


def authorization_server_url(issuer: str) -> str:
    """Insert the path between host and path of the issuer (RFC 8414 section 3)."""
    return _inserted(issuer, AUTHORIZATION_SERVER)


def protected_resource_url(resource: str) -> str:
    """Insert the path between host and path of the resource identifier (RFC 9728 section 3)."""
    return _inserted(resource, PROTECTED_RESOURCE)


def _inserted(identifier: str, well_known: str) -> str:
    parts = urlsplit(identifier)
    path = "" if parts.path == "/" else parts.path
    return urlunsplit((parts.scheme, parts.netloc, well_known + path, parts.query, ""))
