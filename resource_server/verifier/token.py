"""The verified token. Its type is the proof: only `verify()` makes one, by `seal`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from resource_server.verifier.profile import Profile
from resource_server.verifier.strict_json import FrozenObject
from shared import claims as names


@dataclass(frozen=True, slots=True, init=False)
class VerifiedToken:
    """An access token whose signature, type, issuer, audience, times and claims have all been checked.

    `claims` is frozen to its depth. `roles`, `groups` and `entitlements` (permissions) are those of RFC 9068 section 2.2.3.1.
    `valid_from` and `expires_at` are whole seconds since the epoch, without leeway.
    """

    claims: FrozenObject
    # The claims under the names of RFC 9068: the same object, unless the issuer has names of its own.
    read: FrozenObject
    profile: Profile
    key_id: str
    scopes: frozenset[str]
    valid_from: int
    expires_at: int
    # By which state of the issuer's revocation feed the token was last found to stand; another state asks again.
    cleared: object = field(compare=False, repr=False)

    def __init__(self) -> None:
        raise TypeError("only verify() makes a VerifiedToken")

    @property
    def subject(self) -> str:
        """`sub`: the person, or the client itself where nobody signed in."""
        subject: str = self.read[names.SUBJECT]
        return subject

    @property
    def client_id(self) -> str:
        """The client that the token was issued to."""
        client_id: str = self.read[names.CLIENT_ID]
        return client_id

    @property
    def roles(self) -> frozenset[str]:
        """`roles`, or the empty set."""
        return frozenset(self.read.get(names.ROLES, ()))

    @property
    def groups(self) -> frozenset[str]:
        """`groups`, or the empty set."""
        return frozenset(self.read.get(names.GROUPS, ()))

    @property
    def entitlements(self) -> frozenset[str]:
        """`entitlements`, or the empty set."""
        return frozenset(self.read.get(names.ENTITLEMENTS, ()))

    @property
    def is_person(self) -> bool:
        """Whether somebody other than the client itself stands behind the token (RFC 9068 sections 2.2 and 5)."""
        return self.subject != self.client_id and self.profile.is_person(self.claims)


# The dataclass is frozen for everybody else. Its slots' own setters, since they take half the time of `object.__setattr__`.
_new: Final = object.__new__
_SETTERS: Final = tuple(
    VerifiedToken.__dict__[name].__set__ for name in ("claims", "read", "profile", "key_id", "scopes", "valid_from", "expires_at")
)
# For whoever holds a token against the feed.
clear: Final = VerifiedToken.__dict__["cleared"].__set__
_set_claims, _set_read, _set_profile, _set_key_id, _set_scopes, _set_valid_from, _set_expires_at = _SETTERS


def seal(
    claims: FrozenObject, read: FrozenObject, profile: Profile, key_id: str, scopes: frozenset[str], valid_from: int
) -> VerifiedToken:
    """Return the proof that these claims were verified. For `verify()` alone; an architecture test looks for other callers."""
    token: VerifiedToken = _new(VerifiedToken)
    _set_claims(token, claims)
    _set_read(token, read)
    _set_profile(token, profile)
    _set_key_id(token, key_id)
    _set_scopes(token, scopes)
    _set_valid_from(token, valid_from)
    _set_expires_at(token, claims[names.EXPIRES_AT])
    clear(token, None)
    return token
