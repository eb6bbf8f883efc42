"""How a client is told, and what is worth noting about one; the rules an operator registers under."""

from __future__ import annotations

from collections.abc import Sequence

from auth_server.cli.client_proofs import described_proofs, proof_details
from auth_server.cli.client_sign_in import described_sign_in, sign_in_details
from auth_server.cli.plain_text import fields, stamp, table, timestamp
from auth_server.cli.signing_words import notes_on_algorithm
from auth_server.clients.metadata import RegistrationRules
from auth_server.endpoints.registry import registration_rules
from auth_server.grants.token_exchange import TOKEN_EXCHANGE
from auth_server.protocol.client import Client
from auth_server.protocol.scope import UNOWNED
from auth_server.services import Services


def registration_rules_of_operators() -> RegistrationRules:
    """Return what an operator may register: all that this version knows, switched on or not."""
    return registration_rules()


def described(client: Client) -> dict[str, object]:
    """Return a client for JSON, by the names of RFC 7591 section 2 where it has one; never its secrets' digests."""
    return {
        "client_id": client.client_id,
        "client_name": client.name,
        "token_endpoint_auth_method": client.auth_method,
        "grant_types": sorted(client.grants),
        "scope": " ".join(sorted(client.scope)),
        "redirect_uris": list(client.redirect_uris),
        "post_logout_redirect_uris": list(client.post_logout_redirect_uris),
        "default_resource": client.default_resource,
        "rotates_refresh_tokens": client.rotates,
        "signing_alg": client.signing_alg,
        "secrets": [{"expires_at": _seconds(secret.expires_at)} for secret in client.secrets],
        **described_proofs(client),
        **described_sign_in(client),
        "disabled": client.disabled,
        "created_at": _seconds(client.created_at or None),
    }


def summary_table(clients: Sequence[Client]) -> str:
    """Return clients as rows."""
    rows = [
        (
            client.client_id,
            "disabled" if client.disabled else "public" if client.is_public else "confidential",
            " ".join(sorted(grant.rsplit(":", 1)[-1] for grant in client.grants)),
            " ".join(sorted(client.scope)),
        )
        for client in clients
    ]
    return table(("CLIENT", "KIND", "GRANTS", "SCOPE"), rows, empty="no clients yet")


def details(client: Client) -> str:
    """Return a client as lines for a person."""
    secrets = [
        "one that never ends" if secret.expires_at is None else f"one until {stamp(secret.expires_at * 1000)}"
        for secret in client.secrets
    ]
    return fields(
        [
            ("client_id", client.client_id),
            ("name", client.name),
            ("authentication", client.auth_method),
            ("secrets", "" if not client.has_secret else ", ".join(secrets) or "none: auth-server client rotate-secret"),
            ("grants", " ".join(sorted(client.grants)) or "none"),
            ("scope", " ".join(sorted(client.scope)) or "none"),
            ("redirect URIs", " ".join(client.redirect_uris)),
            ("after logout", " ".join(client.post_logout_redirect_uris)),
            ("default resource", client.default_resource or ""),
            ("refresh tokens", "rotate" if client.rotates else "do not rotate"),
            ("signing algorithm", client.signing_alg or "the resource's, else the server's"),
            *proof_details(client),
            *sign_in_details(client),
            ("state", "disabled" if client.disabled else "enabled"),
            ("created", stamp(client.created_at * 1000)),
        ]
    )


async def notes_on(services: Services, client: Client) -> tuple[str, ...]:
    """Return what an operator may not expect: grants that nothing serves yet, scopes that no resource offers, a missing secret."""
    resources = await services.resources.all()
    offered = UNOWNED.union(*(resource.scopes for resource in resources.values()))
    notes = []
    if TOKEN_EXCHANGE in client.grants and not services.settings.token_exchange:
        notes.append("AUTH_SERVER_TOKEN_EXCHANGE is off: it cannot exchange tokens yet")
    if unknown := sorted(client.scope - offered):
        notes.append(f"no resource offers {', '.join(unknown)} yet")
    if client.default_resource and client.default_resource not in resources:
        notes.append(f"there is no resource {client.default_resource} yet")
    if not client.grants:
        notes.append("it has no grant yet: it cannot get tokens")
    return (*notes, *await notes_on_algorithm(services, client.signing_alg))


def _seconds(at: int | None) -> str | None:
    return None if at is None else timestamp(at * 1000)
