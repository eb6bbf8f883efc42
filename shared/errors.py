"""Error codes of bearer-token challenges (RFC 6750 section 3.1)."""

from __future__ import annotations

from typing import Final

INVALID_REQUEST: Final = "invalid_request"
INVALID_TOKEN: Final = "invalid_token"
INSUFFICIENT_SCOPE: Final = "insufficient_scope"
# RFC 9470 section 3: the token is good, and its owner signed in too long ago, or too weakly.
INSUFFICIENT_USER_AUTHENTICATION: Final = "insufficient_user_authentication"
