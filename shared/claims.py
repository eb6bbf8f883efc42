"""Names of the claims in an access token, and their typed shape (RFC 9068 section 2, RFC 7519 section 4.1)."""

from __future__ import annotations

from typing import Final, TypedDict

ISSUER: Final = "iss"
SUBJECT: Final = "sub"
AUDIENCE: Final = "aud"
EXPIRES_AT: Final = "exp"
NOT_BEFORE: Final = "nbf"
ISSUED_AT: Final = "iat"
TOKEN_ID: Final = "jti"
CLIENT_ID: Final = "client_id"
SCOPE: Final = "scope"
AUTH_TIME: Final = "auth_time"
ACR: Final = "acr"
AMR: Final = "amr"
SESSION_ID: Final = "sid"
GRANT_ID: Final = "grant_id"
ROLES: Final = "roles"
GROUPS: Final = "groups"
ENTITLEMENTS: Final = "entitlements"
ACTOR: Final = "act"
CONFIRMATION: Final = "cnf"
STATUS: Final = "status"

# RFC 9068 section 2.2: every access token carries these.
REQUIRED: Final = (ISSUER, EXPIRES_AT, AUDIENCE, SUBJECT, CLIENT_ID, ISSUED_AT, TOKEN_ID)

# What an extra claim may never be called: these are ours to set, and a foreign value would be believed.
RESERVED: Final = frozenset(
    {
        *REQUIRED,
        NOT_BEFORE,
        SCOPE,
        AUTH_TIME,
        ACR,
        AMR,
        SESSION_ID,
        GRANT_ID,
        ROLES,
        GROUPS,
        ENTITLEMENTS,
        ACTOR,
        CONFIRMATION,
        STATUS,
    }
)


class _Always(TypedDict):
    iss: str
    sub: str
    aud: str | list[str]
    exp: int
    iat: int
    jti: str
    client_id: str


class AccessTokenClaims(_Always, total=False):
    """The payload of an access token. Times are whole seconds since the epoch.

    `scope` is there when scopes were granted; `auth_time`, `acr`, `amr` when a person signed in; `sid` only while that sign-in's
    session lives; `grant_id` names the refresh family; `roles`, `groups` and `entitlements` are cut to the resource in `aud`;
    `status` names a place in a token status list.
    """

    scope: str
    auth_time: int
    acr: str
    amr: list[str]
    sid: str
    grant_id: str
    roles: list[str]
    groups: list[str]
    entitlements: list[str]
    act: dict[str, object]
    status: dict[str, object]
