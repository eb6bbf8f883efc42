"""The claims of a logout token (OpenID Connect Back-Channel Logout 1.0 section 2.4)."""

from __future__ import annotations

from typing import Final

LOGOUT_TOKEN_TYPE: Final = "logout+jwt"
LIFETIME_SECONDS: Final = 120
_EVENT: Final = "http://schemas.openid.net/event/backchannel-logout"


def logout_token_claims(
    *, issuer: str, client_id: str, subject: str, sid: str, issued_at: int, token_id: str
) -> dict[str, object]:
    """Return the claims. There is never a `nonce` among them, so that nobody takes it for an ID token.

    Args:
        issued_at: seconds since the epoch, database time.
        token_id: unique, at least 128 random bits.
    """
    return {
        "iss": issuer,
        "aud": client_id,
        "sub": subject,
        "sid": sid,
        "iat": issued_at,
        "exp": issued_at + LIFETIME_SECONDS,
        "jti": token_id,
        "events": {_EVENT: {}},
    }
