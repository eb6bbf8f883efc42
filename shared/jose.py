"""JOSE words that both sides must mean alike: algorithms, `typ` values, forbidden header members."""

from __future__ import annotations

from typing import Final

# RFC 9068 section 2.1: the media type of a JWT access token, as a `typ` value.
ACCESS_TOKEN_TYPE: Final = "at+jwt"
# RFC 9068 section 4 step 1: a verifier takes both spellings, in any case (RFC 7515 section 4.1.9).
ACCESS_TOKEN_TYPES: Final = frozenset({"at+jwt", "application/at+jwt"})
REVOCATION_FEED_TYPE: Final = "revocation-feed+jwt"
# RFC 8417 section 2.3.
SECURITY_EVENT_TYPE: Final = "secevent+jwt"

RS256: Final = "RS256"
PS256: Final = "PS256"
ES256: Final = "ES256"
ED25519: Final = "Ed25519"

# Every algorithm this product can ever sign or verify with: asymmetric only, fully specified (RFC 9864). Nothing symmetric and no
# `none` is spelt anywhere, so no configuration can let one in (RFC 8725 sections 3.1 and 3.2).
ALGORITHMS: Final = frozenset({RS256, PS256, ES256, ED25519})

# The `kty` (and `crv`) a key must have for an algorithm (RFC 7518 section 3.1, RFC 8037 section 3.1).
KEY_TYPE: Final[dict[str, tuple[str, str | None]]] = {
    RS256: ("RSA", None),
    PS256: ("RSA", None),
    ES256: ("EC", "P-256"),
    ED25519: ("OKP", "Ed25519"),
}

# A token that brings or points to its own key is an attack (RFC 8725 section 3.10); `crit`, `b64` and `zip` change what the bytes
# mean, and an access token needs none of them.
FORBIDDEN_HEADER_MEMBERS: Final = frozenset({"jku", "jwk", "x5u", "x5c", "x5t", "x5t#S256", "crit", "b64", "zip"})

MAX_COMPACT_BYTES: Final = 8 * 1024
MAX_JWKS_BYTES: Final = 64 * 1024
