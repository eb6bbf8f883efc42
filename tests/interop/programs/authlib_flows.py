"""Authlib's own clients through the flows that need no web framework: says what a person has to do, and at the end what it saw.

python authlib_flows.py        addresses, ids and secrets come from the environment
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

import requests
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from joserfc.jwk import ECKey

ISSUER, API = os.environ["ISSUER"], os.environ["API"]
SERVER = requests.get(f"{ISSUER}/.well-known/oauth-authorization-server", timeout=10).json()
VERIFIER = "a-verifier-that-is-forty-three-characters-or-more"
DEVICE = "urn:ietf:params:oauth:grant-type:device_code"


def person(asked: dict[str, str]) -> str:
    """Have a person do something in a browser."""
    print(json.dumps(asked), flush=True)
    return sys.stdin.readline().strip()


def session(name: str, **more: Any) -> OAuth2Session:
    """Return a session of a client whose id and secret the environment holds."""
    secret = os.environ.get(f"{name}_SECRET")
    more.setdefault("token_endpoint_auth_method", "client_secret_basic" if secret else "none")
    return OAuth2Session(os.environ[f"{name}_ID"], secret, token_endpoint=SERVER["token_endpoint"], **more)


def native() -> dict[str, Any]:
    """A native app: code with PKCE, a call, a refresh, revocation."""
    app = session(
        "NATIVE", redirect_uri="http://127.0.0.1:49152/cb", scope="openid notes:read offline_access", code_challenge_method="S256"
    )
    address, state = app.create_authorization_url(SERVER["authorization_endpoint"], code_verifier=VERIFIER, resource=API)
    answer = person({"open": address})
    token = app.fetch_token(authorization_response=answer, state=state, code_verifier=VERIFIER)
    notes = app.get(f"{API}/notes")
    fresh = app.refresh_token(SERVER["token_endpoint"], refresh_token=token["refresh_token"])
    app.revoke_token(SERVER["revocation_endpoint"], token=fresh["refresh_token"], token_type_hint="refresh_token")
    try:
        app.refresh_token(SERVER["token_endpoint"], refresh_token=fresh["refresh_token"])
        after = "refreshed"
    except OAuthError as refusal:
        after = refusal.error
    return {"challenge": create_s256_code_challenge(VERIFIER) in address, "notes": notes.status_code, "after": after}


def service() -> dict[str, Any]:
    """A service: client credentials, and asking about its own token."""
    app = session("SERVICE", scope="notes:read")
    token = app.fetch_token(SERVER["token_endpoint"], grant_type="client_credentials", resource=API)
    about = app.introspect_token(SERVER["introspection_endpoint"], token=token["access_token"]).json()
    notes = app.get(f"{API}/notes")
    app.revoke_token(SERVER["revocation_endpoint"], token=token["access_token"])
    after = app.introspect_token(SERVER["introspection_endpoint"], token=token["access_token"]).json()
    return {"active": about["active"], "client": about["client_id"], "notes": notes.status_code, "after": after}


def by_key() -> dict[str, Any]:
    """A client that proves itself by a key: Authlib's assertion names the token endpoint unless it is told the issuer."""
    app = session("KEY", token_endpoint_auth_method="private_key_jwt", scope="notes:read")
    app.client_secret = ECKey.import_key(json.loads(os.environ["KEY_JWK"]))
    seen = {}
    for audience in (None, ISSUER):
        app.register_client_auth_method(PrivateKeyJWT(audience or SERVER["token_endpoint"], headers={"kid": "k1"}, alg="ES256"))
        try:
            token = app.fetch_token(SERVER["token_endpoint"], grant_type="client_credentials", resource=API)
            seen["issuer" if audience else "endpoint"] = token["token_type"]
        except OAuthError as refusal:
            seen["issuer" if audience else "endpoint"] = refusal.error
    return seen


def device() -> dict[str, Any]:
    """A device: Authlib has no helper for the first step, and polls as any other grant."""
    app = session("DEVICE")
    begun = app.post(
        SERVER["device_authorization_endpoint"],
        data={"client_id": os.environ["DEVICE_ID"], "scope": "notes:read", "resource": API},
        withhold_token=True,
    ).json()
    poll = {"grant_type": DEVICE, "device_code": begun["device_code"]}
    try:
        app.fetch_token(SERVER["token_endpoint"], **poll)
        waiting = "none"
    except OAuthError as refusal:
        waiting = refusal.error
    person({"approve": begun["verification_uri_complete"]})
    token = app.fetch_token(SERVER["token_endpoint"], **poll)
    return {"waiting": waiting, "scope": token["scope"], "left": token["expires_at"] > time.time()}


print(json.dumps({"saw": {"native": native(), "service": service(), "key": by_key(), "device": device()}}))
