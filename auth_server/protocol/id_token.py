"""The claims of an ID token (OpenID Connect Core 1.0 section 2)."""

from __future__ import annotations

import hashlib
from typing import Final

from auth_server.protocol.authorization import Authorization
from shared import base64url
from shared.jose import ED25519

# What a header says of it. RFC 8725 section 3.11: never the `typ` of another kind of token.
ID_TOKEN_TYPE: Final = "JWT"
LIFETIME_SECONDS: Final = 600


def at_hash(access_token: str, alg: str) -> str:
    """Return the left half of the access token's hash, by the hash function of the ID token's algorithm (section 3.1.3.6).

    Ed25519 hashes with SHA-512 (RFC 8032 section 5.1); the others here carry SHA-256 in their name.
    """
    hashed = (hashlib.sha512 if alg == ED25519 else hashlib.sha256)(access_token.encode("ascii")).digest()
    return base64url.encode(hashed[: len(hashed) // 2])


def id_token_claims(
    authorization: Authorization, *, issuer: str, issued_at: int, access_token: str, alg: str
) -> dict[str, object]:
    """Return the claims.

    Args:
        issued_at: seconds since the epoch, database time.
        alg: what it will be signed with.

    Raises:
        ValueError: nobody signed in, so there is nobody to tell of.
    """
    sign_in, identity = authorization.sign_in, authorization.identity
    if sign_in is None or identity is None:
        raise ValueError("an ID token tells of a sign-in")
    claims: dict[str, object] = dict(identity.claims) | {
        "iss": issuer,
        "sub": authorization.subject,
        "aud": authorization.client.client_id,
        "exp": issued_at + LIFETIME_SECONDS,
        "iat": issued_at,
        "auth_time": sign_in.auth_time,
        "acr": sign_in.acr,
        "amr": list(sign_in.amr),
        "at_hash": at_hash(access_token, alg),
    }
    if identity.nonce is not None:
        claims["nonce"] = identity.nonce
    if identity.sid is not None:
        claims["sid"] = identity.sid
    return claims
