"""The claims of an access token (RFC 9068 section 2.2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from auth_server.protocol.authorization import Authorization
from shared import scope
from shared.claims import AccessTokenClaims


def audience_of(authorization: Authorization, issuer: str) -> str | list[str]:
    """Return the audience: the resource, and where the token also opens userinfo, the issuer."""
    identifier = authorization.resource.identifier
    return [identifier, issuer] if authorization.for_issuer and identifier != issuer else identifier


def access_token_claims(
    authorization: Authorization,
    *,
    issuer: str,
    issued_at: int,
    lifetime: int,
    token_id: str,
    status: Mapping[str, object] | None = None,
) -> AccessTokenClaims:
    """Return the claims. Nothing is in them that a party on the way may not read: no name, no address, no secret.

    Args:
        issued_at: seconds since the epoch, database time.
        lifetime: seconds.
        token_id: unique, at least 128 random bits.
        status: the `status` claim, where tokens have a place in a status list.
    """
    claims: AccessTokenClaims = {
        "iss": issuer,
        "sub": authorization.subject,
        "aud": audience_of(authorization, issuer),
        "exp": issued_at + lifetime,
        "iat": issued_at,
        "jti": token_id,
        "client_id": authorization.client.client_id,
    }
    if authorization.scope:
        claims["scope"] = scope.format(authorization.scope)
    if authorization.grant_id:
        claims["grant_id"] = authorization.grant_id
    if authorization.exchange is not None:
        claims["act"] = dict(authorization.exchange.actor)
    if authorization.roles:
        claims["roles"] = list(authorization.roles)
    if authorization.entitlements:
        claims["entitlements"] = list(authorization.entitlements)
    if sign_in := authorization.sign_in:
        claims["auth_time"] = sign_in.auth_time
        claims["acr"] = sign_in.acr
        claims["amr"] = list(sign_in.amr)
        if sign_in.sid:
            claims["sid"] = sign_in.sid
    if status is not None:
        claims["status"] = dict(status)
    if authorization.extra_claims:
        # The registered ones last: what a resource declared never takes their place.
        return cast(AccessTokenClaims, {**authorization.extra_claims, **claims})
    return claims
