"""What makes sense in a registration for signing people in (OpenID Connect Registration 1.0, Back-Channel Logout 1.0). Pure."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from auth_server.protocol.client import LINKS, Client

PUBLIC: Final = "public"
PAIRWISE: Final = "pairwise"
_HOST: Final = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?")
_CODE: Final = "authorization_code"


def sign_in_faults(client: Client) -> list[str]:
    """Return a sentence for each thing that is wrong."""
    found = []
    if client.subject_type not in (PUBLIC, PAIRWISE):
        found.append("subject_type must be public or pairwise")
    found += _sector_faults(client)
    if not client.requires_pkce and client.is_public:
        found.append("a public client cannot do without PKCE: nothing else ties a code to it")
    if client.requires_pushed_requests and _CODE not in client.grants:
        found.append("pushed requests are for clients that use authorization_code")
    if client.default_max_age is not None and not 0 <= client.default_max_age <= 999_999_999:
        found.append("default_max_age must be a whole number of seconds")
    if client.backchannel_logout_uri is not None and not _is_https(client.backchannel_logout_uri):
        found.append("backchannel_logout_uri must be https, on port 443, without a fragment")
    found += [
        f"{name} must be an https address"
        for name in LINKS
        if (uri := getattr(client, name)) is not None and not uri.startswith("https://")
    ]
    return found


def _sector_faults(client: Client) -> list[str]:
    if client.sector is not None and not _HOST.fullmatch(client.sector):
        return ["sector must be a host name in lower case"]
    if client.subject_type != PAIRWISE or client.sector is not None:
        return []
    hosts = {urlsplit(uri).hostname for uri in client.redirect_uris}
    # OpenID Connect Core section 8.1: with several hosts nobody can tell which one the subjects are for.
    return ["name the sector: the redirect URIs have several hosts"] if len(hosts) > 1 else []


def _is_https(uri: str) -> bool:
    try:
        parts = urlsplit(uri)
        return parts.scheme == "https" and bool(parts.hostname) and parts.port in (None, 443) and "#" not in uri
    except ValueError:
        return False
