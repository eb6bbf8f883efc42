"""Where the answer to an authorization request goes, and how it is spelt (RFC 6749 section 4.1.2, RFC 9207)."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlencode

from auth_server.protocol.authorization_request import AuthorizationRequest, ResponseMode
from auth_server.protocol.errors import OAuthError


@dataclass(frozen=True, slots=True)
class ReturnAddress:
    """A redirect URI that is registered for the client, with the `state` to give back. Only a checked one is ever made."""

    redirect_uri: str
    redirect_uri_sent: bool = True
    response_mode: str = ResponseMode.QUERY
    state: str | None = field(default=None, repr=False)

    @classmethod
    def of(cls, request: AuthorizationRequest) -> ReturnAddress:
        """Return where the answer to a checked request goes."""
        return cls(request.redirect_uri, request.redirect_uri_sent, request.response_mode, request.state)


@dataclass(frozen=True, slots=True)
class AuthorizationResponse:
    """An answer for the client: `members` beside `state` and `iss`, which every answer carries (RFC 9207 section 2)."""

    address: ReturnAddress
    members: tuple[tuple[str, str], ...] = field(repr=False)
    issuer: str

    @property
    def parameters(self) -> list[tuple[str, str]]:
        """Return every parameter, in order."""
        state = [("state", self.address.state)] if self.address.state is not None else []
        return [*self.members, *state, ("iss", self.issuer)]

    @property
    def location(self) -> str:
        """Return the redirect URI with the parameters added; a query it was registered with stays (section 3.1.2)."""
        uri = self.address.redirect_uri
        return f"{uri}{'&' if '?' in uri else '?'}{urlencode(self.parameters)}"


class RedirectableError(OAuthError):
    """A refusal that the client is told at its redirect URI, which was checked before anything else (RFC 6749 section 4.1.2.1)."""

    def __init__(self, code: str, description: str, *, detail: str | None = None) -> None:
        super().__init__(description, detail=detail)
        self.error = code

    @property
    def members(self) -> tuple[tuple[str, str], ...]:
        """Return how it is told."""
        return (("error", self.error), ("error_description", self.description))
