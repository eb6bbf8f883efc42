"""A client, and the policy questions that can be asked of it (RFC 6749 section 2, RFC 7591 section 2)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

# The built-in public client of the seed flow. It may use every resource that was not created with --no-first-party.
FIRST_PARTY_CLIENT_ID: Final = "first-party"
# Addresses that people are shown of a client.
LINKS: Final = ("logo_uri", "client_uri", "policy_uri", "tos_uri")
# What is asked of a client that signs people in. Its members, columns and options have these names.
SIGN_IN_MEMBERS: Final = (
    "requires_pkce",
    "requires_pushed_requests",
    "asks_for_consent",
    "subject_type",
    "sector",
    "backchannel_logout_uri",
    "backchannel_logout_session_required",
    "default_max_age",
    *LINKS,
)


@dataclass(frozen=True, slots=True)
class ClientSecret:
    """The digest of a secret that was shown once; `expires_at` (seconds) bounds an old one during a rotation."""

    digest: bytes = field(repr=False)
    expires_at: int | None = None


@dataclass(frozen=True, slots=True)
class TrustedIssuer:
    """Whose word stands in for a secret: tokens of `issuer` about `subject` are this client (RFC 7523).

    Its keys are `jwks` (a JWK Set as JSON text) or behind `jwks_uri`. `reusable` lets one token sign in more than once, which
    platforms need that hand out one for an hour (Kubernetes).
    """

    issuer: str
    subject: str
    jwks: str | None = None
    jwks_uri: str | None = None
    reusable: bool = False


@dataclass(frozen=True, slots=True)
class ExchangePolicy:
    """What a client may exchange (RFC 8693): tokens that were issued to `subject_clients`, for tokens to `audiences`."""

    audiences: frozenset[str]
    subject_clients: frozenset[str]


@dataclass(frozen=True, slots=True)
class Client:
    """A registered client.

    `scope` is what it may ever be granted. `default_resource` is the audience when a request leaves it open.
    `rotates_refresh_tokens` is None for "by kind": public clients rotate, confidential ones do not. `signing_alg` is for tokens whose
    resource asks for none, and for ID tokens. `requires_pkce` False is for a confidential client that an operator let do without;
    `asks_for_consent` False for one that is the operator's own. `subject_type` is `public` or `pairwise`; `sector` is the host name
    whose clients know a person by one and the same pairwise subject. `default_max_age` in seconds.

    `jwks` (JSON text) or `jwks_uri` hold the keys it signs assertions with; `trusted_issuers` sign them in its place. `introspects`
    names the resources on whose behalf it may ask about tokens; `exchange` what it may exchange, None for nothing.
    `is_dynamic`: it registered itself. `is_unverified`: nobody here vouches for what it says of itself.
    """

    client_id: str
    name: str
    auth_method: str
    grants: frozenset[str]
    scope: frozenset[str]
    default_resource: str | None = None
    redirect_uris: tuple[str, ...] = ()
    post_logout_redirect_uris: tuple[str, ...] = ()
    secrets: tuple[ClientSecret, ...] = ()
    rotates_refresh_tokens: bool | None = None
    signing_alg: str | None = None
    disabled: bool = False
    created_at: int = 0
    jwks: str | None = None
    jwks_uri: str | None = None
    trusted_issuers: tuple[TrustedIssuer, ...] = ()
    introspects: frozenset[str] = frozenset()
    exchange: ExchangePolicy | None = None
    is_dynamic: bool = False
    is_unverified: bool = False
    requires_pkce: bool = True
    requires_pushed_requests: bool = False
    asks_for_consent: bool = True
    subject_type: str = "public"
    sector: str | None = None
    backchannel_logout_uri: str | None = None
    backchannel_logout_session_required: bool = False
    default_max_age: int | None = None
    logo_uri: str | None = None
    client_uri: str | None = None
    policy_uri: str | None = None
    tos_uri: str | None = None

    @property
    def is_public(self) -> bool:
        """Say whether the client cannot keep a secret (RFC 6749 section 2.1)."""
        return self.auth_method == "none"

    @property
    def has_secret(self) -> bool:
        """Say whether it proves itself by a secret that both sides know."""
        return self.auth_method.startswith("client_secret_")

    @property
    def kind(self) -> str:
        """Return what it is, for a sentence about its secret."""
        return "a public client" if self.is_public else f"a client of the method {self.auth_method}"

    @property
    def is_first_party(self) -> bool:
        """Say whether this is the built-in client of the seed flow."""
        return self.client_id == FIRST_PARTY_CLIENT_ID

    @property
    def rotates(self) -> bool:
        """Say whether its refresh tokens rotate.

        Rotation catches a thief of a token that works by itself. A confidential client's token does not, and rotating it only adds
        ways to lose it (RFC 9700 section 4.14.2, FAPI 2.0 Security Profile section 5.3.2.1).
        """
        return self.is_public if self.rotates_refresh_tokens is None else self.rotates_refresh_tokens

    @property
    def pairwise_sector(self) -> str | None:
        """Return the sector of its pairwise subjects (OpenID Connect Core section 8.1); None when its subjects are public."""
        if self.subject_type != "pairwise":
            return None
        return self.sector or next((urlsplit(uri).hostname for uri in self.redirect_uris), None) or self.client_id

    def may_use(self, grant_type: str) -> bool:
        """Say whether the client is registered for a grant type."""
        return grant_type in self.grants
