"""Who is calling, as a handler sees it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Unpack

from resource_server.verifier.scopes import Requirement, Rules, requirement
from resource_server.verifier.strict_json import FrozenObject
from resource_server.verifier.token import VerifiedToken


@dataclass(frozen=True, slots=True, repr=False)
class Principal:
    """The verified caller of one request; frozen to its depth.

    `compact` is the signed token, byte by byte; it is hidden in `repr`.
    """

    token: VerifiedToken
    compact: bytes

    def __repr__(self) -> str:
        # In logs sooner or later: who it is, and nothing that could be used or that a scope released about a person.
        return f"Principal(sub={self.sub!r}, client_id={self.client_id!r}, scopes={sorted(self.scopes)!r}, expires_at={self.expires_at})"

    @property
    def raw(self) -> str:
        """The token itself, for passing on (RFC 8693) and nothing else."""
        return self.compact.decode("ascii")

    @property
    def sub(self) -> str:
        """The person; or the client, where nobody signed in (see `is_person`)."""
        return self.token.subject

    @property
    def client_id(self) -> str:
        """The client that calls, for the person or for itself."""
        return self.token.client_id

    @property
    def scopes(self) -> frozenset[str]:
        """What was granted; the empty set if nothing."""
        return self.token.scopes

    @property
    def roles(self) -> frozenset[str]:
        """The roles that the issuer shows to this API."""
        return self.token.roles

    @property
    def groups(self) -> frozenset[str]:
        """The groups that the issuer shows to this API."""
        return self.token.groups

    @property
    def entitlements(self) -> frozenset[str]:
        """The permissions that the issuer shows to this API."""
        return self.token.entitlements

    @property
    def claims(self) -> FrozenObject:
        """All claims. A `dict` that refuses to be changed: `dict(who.claims)` is a copy of your own."""
        return self.token.claims

    @property
    def expires_at(self) -> int:
        """When the token ends, in seconds since the epoch, without leeway."""
        return self.token.expires_at

    @property
    def is_person(self) -> bool:
        """Whether the token stands for somebody other than its client."""
        return self.token.is_person

    @property
    def actor(self) -> FrozenObject | None:
        """Who acts for `sub`, after a token exchange (RFC 8693 section 4.1)."""
        actor: FrozenObject | None = self.token.claims.get("act")
        return actor

    def require(self, *scopes: str, **rules: Unpack[Rules]) -> None:
        """Refuse the caller unless it has every scope named, and what the rules ask (as in `Guard.requires`).

        Raises:
            TokenRefused: InsufficientScope, MissingRole, MissingPermission or PersonRequired with status 403, or
                InsufficientUserAuthentication with 401.
            ValueError: nothing was asked for, or `silent_feed`, which only a guard can answer.
        """
        asked = requirement(*scopes, **rules)
        if asked.silent_feed is not None:
            raise ValueError("a principal does not follow the revocation feed; ask the guard (`Guard.check`)")
        if asked == Requirement():
            raise ValueError("an empty list of rules is an error, not a pass")
        asked.check(self.token, time.time())


class _Unsealed:
    """What a principal is while it is filled in (see `verifier/token.py`)."""

    __slots__ = Principal.__slots__


def principal_of(token: VerifiedToken, compact: bytes) -> Principal:
    """Return the caller that a verified token stands for; the same as calling the class, in half the time."""
    who: Any = _Unsealed()
    who.token = token
    who.compact = compact
    who.__class__ = Principal
    filled: Principal = who
    return filled
