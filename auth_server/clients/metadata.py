"""Which registrations make sense (RFC 7591 section 2)."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from auth_server.clients.proof_metadata import proof_faults
from auth_server.clients.sign_in_metadata import sign_in_faults
from auth_server.protocol.client import FIRST_PARTY_CLIENT_ID, Client
from auth_server.protocol.signing import signing_alg_fault
from shared import jose
from shared.scope import is_scope_token
from shared.settings import is_loopback

# A person's sub has exactly the second form, so the two kinds of subject can never be mistaken for each other.
_CLIENT_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~:/-]{0,199}")
_SUBJECT: Final = re.compile(r"[A-Za-z0-9_-]{22}")

DEVICE_CODE: Final = "urn:ietf:params:oauth:grant-type:device_code"


@dataclass(frozen=True, slots=True)
class RegistrationRules:
    """What this server knows: grant types, and token endpoint authentication methods."""

    grant_types: frozenset[str]
    auth_methods: frozenset[str]


def faults(client: Client, rules: RegistrationRules, algorithms: Collection[str] = jose.ALGORITHMS) -> list[str]:
    """Return a sentence for each thing that is wrong with a registration.

    Args:
        algorithms: those the server signs with, as far as that is known.
    """
    grant_types, auth_methods = rules.grant_types, rules.auth_methods
    found = []
    if not _CLIENT_ID.fullmatch(client.client_id):
        found.append("client_id must be 1 to 200 letters, digits or ._~:/- and start with a letter or digit")
    # RFC 9068 section 5: the sub of a client's token is its client_id, so it must never read like a person's.
    if _SUBJECT.fullmatch(client.client_id):
        found.append("client_id must not have the form of a person's sub (22 base64url characters)")
    if client.client_id == FIRST_PARTY_CLIENT_ID:
        found.append(f"{FIRST_PARTY_CLIENT_ID} is the built-in client")
    if unknown := sorted(client.grants - grant_types):
        found.append(f"unknown grant {', '.join(unknown)}; known: {', '.join(sorted(grant_types))}")
    if client.auth_method not in auth_methods:
        found.append(f"unknown authentication method {client.auth_method}; known: {', '.join(sorted(auth_methods))}")
    if client.is_public and "client_credentials" in client.grants:
        found.append("a public client cannot use client_credentials: it has nothing to prove itself with")
    if DEVICE_CODE in client.grants and client.subject_type == "pairwise":
        found.append("a client with pairwise subjects cannot use the device grant")
    if malformed := sorted(scope for scope in client.scope if not is_scope_token(scope)):
        found.append(f"malformed scope {', '.join(map(repr, malformed))}")
    if (fault := signing_alg_fault(client.signing_alg, algorithms)) is not None:
        found.append(fault)
    found += proof_faults(client)
    found += sign_in_faults(client)
    uris = (*client.redirect_uris, *client.post_logout_redirect_uris)
    found += [f"redirect URI {uri!r} {wrong}" for uri in uris if (wrong := redirect_uri_fault(uri))]
    return found


def redirect_uri_fault(uri: str) -> str | None:
    """Return what is wrong with a redirect URI, or None.

    Source: RFC 6749 section 3.1.2, RFC 8252 sections 7.1 and 7.3, RFC 9700 section 4.1.
    """
    if not uri.isascii() or not uri.isprintable() or any(c in uri for c in ' \\*"<>'):
        return "must be printable ASCII without spaces, backslashes or wildcards"
    try:
        parts = urlsplit(uri)
        _ = parts.port  # raises for a port that is no port
    except ValueError:
        return "must be a URI"
    if "#" in uri:
        return "must have no fragment"
    if parts.username is not None:
        return "must have no user name"
    if parts.scheme in {"http", "https"}:
        if not parts.hostname:
            return "must name a host"
        return None if parts.scheme == "https" or is_loopback(parts.hostname) else "must be https, or http to loopback"
    # RFC 8252 section 7.1: a private-use scheme is a domain name of the app's owner, reversed, so it holds a dot.
    return None if "." in parts.scheme else "must be https, http to loopback, or a private scheme such as com.example.app:"
