"""What a grant concludes: for whom, for which client, for which resource, and what must be settled before it is answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from auth_server.protocol.client import Client
from auth_server.protocol.refresh import Step
from auth_server.protocol.resource import Resource

# RFC 8693 section 3.
ACCESS_TOKEN_TYPE: Final = "urn:ietf:params:oauth:token-type:access_token"


@dataclass(frozen=True, slots=True)
class SignIn:
    """A person's sign-in behind a token. `sid` is None when the grant outlives the session. `auth_time` in seconds."""

    auth_time: int
    acr: str
    amr: tuple[str, ...]
    sid: str | None


class SpendKind(Enum):
    """What can be spent: each one stands for one approval or one proof, so it is redeemed once."""

    DEVICE_CODE = "device_code"
    ASSERTION = "assertion"


@dataclass(frozen=True, slots=True)
class Spend:
    """Something that must be spent for the answer to be given. `until` (seconds): how long an assertion has to be remembered."""

    kind: SpendKind
    digest: bytes = field(repr=False)
    until: int = 0


@dataclass(frozen=True, slots=True)
class StartFamily:
    """A refresh family is to be started; `sid` binds it to the session, None lets it outlive it."""

    sid: str | None


@dataclass(frozen=True, slots=True)
class UseFamily:
    """A refresh token was presented: what is to be done with its family. `writes` is False when the row need not change."""

    family_id: bytes
    seq: int
    step: Step
    presented: str = field(repr=False)
    digest: bytes = field(repr=False)
    writes: bool = True
    is_bound: bool = False


@dataclass(frozen=True, slots=True)
class RedeemCode:
    """An authorization code is to be spent. With `refreshes` it becomes a refresh family; `sid` binds that to the session."""

    digest: bytes = field(repr=False)
    refreshes: bool
    sid: str | None


@dataclass(frozen=True, slots=True)
class Identity:
    """What an ID token tells beside the sign-in itself (OpenID Connect Core section 2).

    `sid` names the session for back-channel logout; `claims` are those that the `claims` parameter asked for.
    """

    nonce: str | None = field(default=None, repr=False)
    sid: str | None = None
    claims: Mapping[str, object] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Exchange:
    """Who acts for the subject now (RFC 8693 section 4.1), and until when the exchanged token lived (seconds)."""

    actor: Mapping[str, object]
    until: int


@dataclass(frozen=True, slots=True)
class Authorization:
    """A grant's conclusion.

    `roles` and `entitlements` are already cut to what the resource may see. `settlement` is what one short transaction must do
    between signing and answering; None means nothing is stored, unless there is something to spend.
    `account` is the person's `sub` where `subject` is pairwise.
    `for_issuer`: the access token is good at the issuer's own userinfo endpoint too. `identity` asks for an ID token. `extra_claims`
    are claims that the resource declared; `claims_text` is the `claims` parameter, for the family to remember. `exchange` is there when
    another token was exchanged for this one.
    """

    client: Client
    subject: str
    resource: Resource
    scope: frozenset[str]
    sign_in: SignIn | None = None
    roles: tuple[str, ...] = ()
    entitlements: tuple[str, ...] = ()
    grant_id: str | None = None
    settlement: StartFamily | UseFamily | RedeemCode | None = None
    spends: tuple[Spend, ...] = ()
    account: str | None = None
    for_issuer: bool = False
    identity: Identity | None = None
    extra_claims: Mapping[str, object] = field(default_factory=dict, repr=False)
    claims_text: str | None = field(default=None, repr=False)
    exchange: Exchange | None = None

    @property
    def person(self) -> str:
        """Return the `sub` of the account behind it, also where `subject` is a pairwise one."""
        return self.account or self.subject
