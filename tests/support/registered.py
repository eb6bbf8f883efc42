"""Who is registered at the auth server of the tests: people with their passwords, clients with their secrets and addresses."""

from __future__ import annotations

from typing import Any, Final

from auth_server.clients.proof_metadata import JWT_BEARER
from auth_server.grants.token_exchange import TOKEN_EXCHANGE
from auth_server.protocol.client import Client, ExchangePolicy
from tests.support.assertions import a_trust
from tests.support.builders import NOTES, a_client, a_public_client

# Long enough to be accepted, unlike anything that could occur by chance.
PASSWORDS: Final = {"alice": "correct-Horse-battery-staple-7413", "bob": "lantern-Gravel-otter-umbrella-2086"}
# A second API, which some tests register.
STOCK: Final = "http://localhost:8002"
SECRETS: Final = {
    "app": "canary-secret-of-app-5f0c4f7e9a1b4d6c8e2a",
    "other": "canary-secret-of-other-8d3b1e6f7c5a4920",
    "poster": "canary-secret-of-poster-0a9b8c7d6e5f4a3b2c",
    "refresher": "canary-secret-of-refresher-1f2e3d4c5b6a7988",
    "certified": "canary-secret-of-certified-4c1d7e9b2f8a6035d",
    "pushing": "canary-secret-of-pushing-9e7c5a3b1d2f4068ac",
    "paired": "canary-secret-of-paired-2b4d6f8a0c1e3957bd",
    "own": "canary-secret-of-own-7a9c1e3b5d2f4860ce9f",
    "gateway": "canary-secret-of-gateway-9e8d7c6b5a49382716",
    "machine": "canary-secret-of-machine-7c6b5a4938271605f4",
}
DEVICE_GRANT: Final = "urn:ietf:params:oauth:grant-type:device_code"
_SCOPE: Final = frozenset(
    ["openid", "profile", "email", "address", "phone", "groups", "offline_access", "notes:read", "notes:write"]
)
_CODE: Final = frozenset({"authorization_code", "refresh_token"})
# Where the answers to their authorization requests go.
REDIRECTS: Final = {
    "app": "https://app.example/cb",
    "other": "https://other.example/cb",
    "spa": "https://spa.example/cb",
    "native": "http://127.0.0.1/cb",
    "certified": "https://certified.example/cb",
    "pushing": "https://pushing.example/cb",
    "paired": "https://paired.example/cb",
    "own": "https://own.example/cb",
}


def _web(client_id: str, *more: str, grants: frozenset[str] = _CODE, **changes: Any) -> Client:
    uris = (REDIRECTS[client_id], *more)
    make = a_client if client_id in SECRETS else a_public_client
    return make(client_id, grants=grants, scope=_SCOPE, redirect_uris=uris, **changes)


CLIENTS: Final = (
    _web("app", grants=_CODE | {"client_credentials"}, post_logout_redirect_uris=("https://app.example/bye",)),
    _web("other", "https://other.example/cb2", grants=_CODE | {"client_credentials"}),
    _web("certified", requires_pkce=False),
    _web("pushing", requires_pushed_requests=True),
    _web("paired", subject_type="pairwise", sector="paired.example"),
    _web("own", asks_for_consent=False, backchannel_logout_uri="https://own.example/logout"),
    _web("native", "com.example.app:/cb"),
    _web("spa"),
    a_client("poster", auth_method="client_secret_post"),
    a_client("refresher", grants=frozenset({"refresh_token"})),
    a_client("machine", grants=frozenset({"client_credentials"})),
    # What may be exchanged by whom: `gateway` stands for the notes, and takes tokens that were issued to these.
    a_client(
        "gateway",
        grants=frozenset({TOKEN_EXCHANGE}),
        default_resource=NOTES,
        introspects=frozenset({NOTES}),
        exchange=ExchangePolicy(frozenset({NOTES, STOCK}), frozenset({"app", "spa", "first-party", "gateway"})),
        scope=frozenset({"notes:read", "notes:write", "stock:read", "stock:write"}),
    ),
    a_public_client("workload", grants=frozenset({JWT_BEARER}), trusted_issuers=(a_trust(),)),
    a_public_client("tv", grants=frozenset({DEVICE_GRANT, "refresh_token"})),
)
