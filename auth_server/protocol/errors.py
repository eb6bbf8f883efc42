"""The three families of refusal that this server can give, one class for each registered code.

`description` is fixed text and may be shown to anybody; `detail` goes to the log alone. Neither ever holds a token, a code, a secret
or a mail address.
"""

from __future__ import annotations


class OAuthError(Exception):
    """The client is told: `{"error", "error_description"}` with a status (RFC 6749 section 5.2)."""

    error: str = "server_error"
    status: int = 400

    def __init__(self, description: str, *, detail: str | None = None, retry_after: int | None = None) -> None:
        super().__init__(description)
        self.description = description
        self.detail = detail
        self.retry_after = retry_after


class InvalidRequest(OAuthError):
    """A parameter is missing, repeated or malformed."""

    error = "invalid_request"


class RequestTooLarge(InvalidRequest):
    """The body is over the bound of its endpoint."""

    status = 413


class InvalidClient(OAuthError):
    """The client did not prove who it is. Unknown, disabled and wrong proof answer alike."""

    error = "invalid_client"
    status = 401


class InvalidGrant(OAuthError):
    """What was presented is unknown, expired, revoked, spent, or another client's: one answer for all."""

    error = "invalid_grant"


class UnauthorizedClient(OAuthError):
    """The client is known, and this grant is not among those it may use."""

    error = "unauthorized_client"


class UnsupportedGrantType(OAuthError):
    """No member of the grants registry has this grant_type."""

    error = "unsupported_grant_type"


class InvalidScope(OAuthError):
    """Malformed scope, nothing left after the cut, or wider than the grant being refreshed."""

    error = "invalid_scope"


class InvalidTarget(OAuthError):
    """No such resource, or not one this client may ask for (RFC 8707 section 2)."""

    error = "invalid_target"


class PageError(OAuthError):
    """A person at a browser is told on a page of ours, and nothing is sent to any client: where it would go cannot be trusted, or the
    request is not there any more. What is wrong is for the log; the page holds one fixed sentence.
    """

    error = "invalid_request"

    def __init__(self, detail: str, *, status: int = 400) -> None:
        super().__init__("This request cannot be completed.", detail=detail)
        self.status = status


class AccessDenied(OAuthError):
    """The person said no (RFC 6749 section 4.1.2.1, RFC 8628 section 3.5)."""

    error = "access_denied"


class AuthorizationPending(OAuthError):
    """Nobody has decided about this device yet (RFC 8628 section 3.5)."""

    error = "authorization_pending"


class PollTooFast(OAuthError):
    """The device polls faster than it was told to (RFC 8628 section 3.5: `slow_down`, with a status of 400)."""

    error = "slow_down"


class ExpiredToken(OAuthError):
    """The device code is over (RFC 8628 section 3.5)."""

    error = "expired_token"


class InvalidClientMetadata(OAuthError):
    """A member of a registration is malformed, or not what a client may choose for itself (RFC 7591 section 3.2.2)."""

    error = "invalid_client_metadata"


class InvalidRedirectUri(OAuthError):
    """A redirect URI of a registration is not one to redirect to (RFC 7591 section 3.2.2)."""

    error = "invalid_redirect_uri"


class TemporarilyUnavailable(OAuthError):
    """Try again later: the answer would need something that is not there now."""

    error = "temporarily_unavailable"
    status = 503


class TooManyRequests(OAuthError):
    """Slowed down; `retry_after` says for how many seconds."""

    error = "slow_down"
    status = 429


class ApiError(Exception):
    """A refusal of the first-party JSON API: the same shape, with codes of our own that `docs/refusals.md` lists."""

    def __init__(
        self, status: int, error: str, description: str, *, reasons: tuple[str, ...] = (), retry_after: int | None = None
    ) -> None:
        super().__init__(description)
        self.status = status
        self.error = error
        self.description = description
        self.reasons = reasons
        self.retry_after = retry_after


class InternalError(Exception):
    """Ours: answered 503 without detail, logged with its cause."""


class KeyUnavailable(InternalError):
    """No usable signing key: none active, lease over, or its custodian cannot sign."""


class StoreUnavailable(InternalError):
    """The database did not do what was asked in time; nothing was changed."""


class SchemaTooNew(StoreUnavailable):
    """A later version brought the database to a schema that this program does not know; it is left alone."""
