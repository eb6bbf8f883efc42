"""Whether a person must be asked, and what is still to be asked. Pure."""

from __future__ import annotations

from auth_server.protocol.client import Client
from auth_server.protocol.redirect_uri import proves_its_client


def may_remember(client: Client, redirect_uri: str) -> bool:
    """Say whether an earlier consent counts for an answer to this address.

    A public client on somebody's machine is known by nothing but its name: another program that uses that name must not get a token
    without the person seeing it (RFC 8252 section 8.6).
    """
    return not client.is_public or proves_its_client(redirect_uri)


def missing(granted: frozenset[str], wanted: frozenset[str], client: Client, redirect_uri: str) -> frozenset[str]:
    """Return the scopes that a person has still to allow; all that are wanted where an earlier consent does not count."""
    return wanted - granted if may_remember(client, redirect_uri) else wanted
