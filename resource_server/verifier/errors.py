"""The tree of refusals: one class for each reason, and the words a client may be told.

`reason` is stable and may be shown and counted. `description` is fixed text. `hint` names what was got and what was expected: it is
for the operator's log only, because it repeats parts of a token that nobody may have vouched for.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from shared import scope as scope_string
from shared.errors import INSUFFICIENT_SCOPE, INSUFFICIENT_USER_AUTHENTICATION, INVALID_REQUEST, INVALID_TOKEN


class TokenRefused(Exception):
    """A request that may not pass.

    `status` is the HTTP status, `error` the code of RFC 6750 section 3.1 (None: no code is told); `challenges` says whether another
    token could help. `resource_metadata` is set by whoever knows the address of this API's own metadata (RFC 9728 section 5.1).
    """

    reason: ClassVar[str] = "refused"
    status: ClassVar[int] = 401
    error: ClassVar[str | None] = INVALID_TOKEN
    challenges: ClassVar[bool] = True
    description: ClassVar[str] = "The access token is not acceptable."

    def __init__(self, hint: str | None = None) -> None:
        super().__init__(self.reason)
        self.hint = hint
        self.scope: str | None = None
        self.acr_values: str | None = None
        self.max_age: int | None = None
        self.retry_after: int | None = None
        self.resource_metadata: str | None = None

    @property
    def challenge(self) -> str | None:
        """The value of `WWW-Authenticate`, or None where no challenge belongs in the answer (RFC 6750 section 3)."""
        if not self.challenges:
            return None
        members = {
            "error": self.error,
            "error_description": self.description if self.error else None,
            "scope": self.scope,
            "acr_values": self.acr_values,
            "max_age": None if self.max_age is None else str(self.max_age),
            "resource_metadata": self.resource_metadata,
        }
        parts = [f'{name}="{_quotable(value)}"' for name, value in members.items() if value is not None]
        return f"Bearer {', '.join(parts)}" if parts else "Bearer"


def _quotable(value: str) -> str:
    # RFC 6750 section 3 allows %x20-21 / %x23-5B / %x5D-7E in these values: nothing that ends the string, escapes, or starts a line.
    return "".join(c if " " <= c <= "~" and c not in '"\\' else "?" for c in value)


class NoToken(TokenRefused):
    """No credentials of ours were sent: the bare challenge, without an error code (RFC 6750 section 3.1)."""

    reason = "no_token"
    error = None
    description = "An access token is needed, in an Authorization header of the Bearer scheme."


class InvalidRequest(TokenRefused):
    """The credentials are ambiguous or cannot be read: two headers, an empty token, several words."""

    reason = "invalid_request"
    status = 400
    error = INVALID_REQUEST
    description = "Exactly one Authorization header with exactly one bearer token is expected."


class MalformedToken(TokenRefused):
    """Not the compact serialization of a signed JSON object, in its one canonical spelling."""

    reason = "malformed_token"
    description = "The access token is malformed."


class TokenTooLarge(MalformedToken):
    """Longer than 8 KiB: refused before a single byte is decoded."""

    reason = "token_too_large"
    description = "The access token is too large."


class Undecryptable(TokenRefused):
    """An encrypted token that is for another key than ours, or was changed."""

    reason = "undecryptable"
    description = "The access token cannot be decrypted."


class AlgorithmNotAllowed(TokenRefused):
    """`alg` is not in the allow-list, or is not the algorithm of the key that `kid` names (RFC 8725 section 3.1)."""

    reason = "algorithm_not_allowed"
    description = "The access token is signed with an algorithm that is not accepted here."


class WrongType(TokenRefused):
    """`typ` is not `at+jwt`: an ID token, a logout token or another kind of JWT (RFC 9068 section 4, RFC 8725 section 3.11)."""

    reason = "wrong_type"
    description = "The token is not an access token."


class ForbiddenHeader(TokenRefused):
    """The header brings or names a key, or changes what the bytes mean (RFC 8725 section 3.10)."""

    reason = "forbidden_header"
    description = "The access token has a header that is not accepted here."


class UnknownKey(TokenRefused):
    """`kid` names no key of the issuer's key set."""

    reason = "unknown_key"
    description = "The access token is signed with an unknown key."

    def __init__(self, hint: str | None = None, key_id: str = "") -> None:
        super().__init__(hint)
        self.key_id = key_id


class RevokedKey(TokenRefused):
    """`kid` names a key that the issuer has burned."""

    reason = "revoked_key"
    description = "The access token is signed with a revoked key."


class RevokedToken(TokenRefused):
    """The issuer has ended the token before its time: it alone, its grant, its session, or everything of its person or client."""

    reason = "revoked"
    description = "The access token was revoked."


class BadSignature(TokenRefused):
    """The signature is not the key's signature of these bytes."""

    reason = "bad_signature"
    description = "The access token's signature is invalid."


class Expired(TokenRefused):
    """`exp` is past, leeway included."""

    reason = "expired"
    description = "The access token expired."


class NotYetValid(TokenRefused):
    """`nbf` is in the future, leeway included."""

    reason = "not_yet_valid"
    description = "The access token is not valid yet."


class IssuedInTheFuture(TokenRefused):
    """`iat` is in the future, leeway included."""

    reason = "issued_in_the_future"
    description = "The access token was issued in the future."


class LifetimeTooLong(TokenRefused):
    """`exp - iat` is more than this API accepts: a stolen token would outlive every bound we promise."""

    reason = "lifetime_too_long"
    description = "The access token lives longer than is accepted here."


class WrongIssuer(TokenRefused):
    """`iss` is not, character by character, the issuer this API trusts."""

    reason = "wrong_issuer"
    description = "The access token was issued by another server."


class WrongAudience(TokenRefused):
    """No element of `aud` is, character by character, an audience of this API."""

    reason = "wrong_audience"
    description = "The access token is meant for another resource."


class MissingClaim(TokenRefused):
    """A claim that RFC 9068 section 2.2 requires is absent."""

    reason = "missing_claim"
    description = "The access token lacks a required claim."


class BadClaim(TokenRefused):
    """A claim has a type or a value that it may not have."""

    reason = "bad_claim"
    description = "The access token has a claim of the wrong form."


class BoundToken(TokenRefused):
    """`cnf` binds the token to a key, but it came as a plain bearer token (RFC 9449 section 7.2, RFC 8705 section 3)."""

    reason = "bound_token"
    description = "The access token is bound to a key whose possession was not proved."


class InsufficientScope(TokenRefused):
    """The token is good, and its scope is not enough (RFC 6750 section 3.1)."""

    reason = "insufficient_scope"
    status = 403
    error = INSUFFICIENT_SCOPE
    description = "The access token's scope is not enough for this request."

    def __init__(self, needed: Iterable[str], hint: str | None = None) -> None:
        super().__init__(hint)
        self.scope = scope_string.format(needed)


class MissingRole(TokenRefused):
    """The token is good, and its owner lacks the role. No `scope` is told: asking for another token would not help."""

    reason = "missing_role"
    status = 403
    error = INSUFFICIENT_SCOPE
    description = "This request needs a role that the caller does not have."


class MissingPermission(TokenRefused):
    """The token is good, and its owner lacks the permission (the claim `entitlements`)."""

    reason = "missing_permission"
    status = 403
    error = INSUFFICIENT_SCOPE
    description = "This request needs a permission that the caller does not have."


class PersonRequired(TokenRefused):
    """The token stands for a client, not for a person who signed in (RFC 9068 section 5)."""

    reason = "person_required"
    status = 403
    error = INSUFFICIENT_SCOPE
    description = "This request is for people, not for clients acting on their own."


class OriginNotAllowed(TokenRefused):
    """The token came in a cookie, and a page of an origin that was not named would act with it (cross-site request forgery)."""

    reason = "origin_not_allowed"
    status = 403
    error = None
    challenges = False  # another token would not help
    description = "A page of this origin may not act with a person's cookies here."


class InsufficientUserAuthentication(TokenRefused):
    """The token is good, and its owner signed in too long ago or too weakly for this request (RFC 9470 section 3)."""

    reason = "insufficient_user_authentication"
    error = INSUFFICIENT_USER_AUTHENTICATION
    description = "This request needs a fresher or stronger sign-in."

    def __init__(self, acr: Iterable[str] = (), max_age: int | None = None, hint: str | None = None) -> None:
        super().__init__(hint)
        self.acr_values = " ".join(acr) or None
        self.max_age = max_age


class Undecided(TokenRefused):
    """It cannot be decided now. Never a 401, for the token may be good. `retry_after` is in seconds, at least one."""

    status = 503
    error = None
    challenges = False

    def __init__(self, hint: str | None = None, retry_after: int = 1) -> None:
        super().__init__(hint)
        self.retry_after = max(1, retry_after)


class KeysUnavailable(Undecided):
    """The issuer's keys are not here, or too old to trust."""

    reason = "keys_unavailable"
    description = "The issuer's keys are not available at the moment; try again later."


class RevocationsUnknown(Undecided):
    """The issuer's revocation feed is silent, and this API asked not to go on without it."""

    reason = "revocations_unknown"
    description = "It is not known at the moment whether the access token was revoked; try again later."
