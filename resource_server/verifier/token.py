"""The verified token. Its type is the proof: only `verify()` makes one, by `seal`."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, dataclass, field
from typing import Any, Final, NoReturn

from resource_server.verifier.claims import read_scopes
from resource_server.verifier.profile import Profile
from resource_server.verifier.strict_json import FrozenObject
from shared import claims as names


@dataclass(frozen=True, slots=True, init=False)
class VerifiedToken:
    """An access token whose signature, type, issuer, audience, times and claims have all been checked.

    `claims` is frozen to its depth. `roles`, `groups` and `entitlements` (permissions) are those of RFC 9068 section 2.2.3.1.
    `valid_from` and `expires_at` are whole seconds since the epoch, without leeway.
    """

    # Plain until somebody asks for them: most handlers ask for the subject and the scopes alone. `_read` has the names of RFC 9068 and is
    # the same object, unless the issuer has names of its own. Not shown by `repr`: what a scope released about a person is in them.
    _claims: dict[str, Any] = field(repr=False)
    _read: dict[str, Any] = field(repr=False)
    profile: Profile
    key_id: str
    # `sub`: the person, or the client itself where nobody signed in.
    subject: str
    valid_from: int
    expires_at: int
    # By which state of the issuer's revocation feed the token was last found to stand; another state asks again.
    cleared: object = field(compare=False, repr=False)

    def __init__(self) -> None:
        raise TypeError("only verify() makes a VerifiedToken")

    @property
    def claims(self) -> FrozenObject:
        """All claims, as the issuer spelled them."""
        plain = self._claims
        if type(plain) is FrozenObject:
            return plain
        frozen = FrozenObject(plain)
        if self._read is plain:
            _keep_read(self, frozen)
        _keep_claims(self, frozen)
        return frozen

    @property
    def read(self) -> FrozenObject:
        """The claims under the names of RFC 9068."""
        read = self._read
        return read if type(read) is FrozenObject else self.claims  # what a profile made of them is frozen; else it is they

    @property
    def client_id(self) -> str:
        """The client that the token was issued to."""
        client_id: str = self._read[names.CLIENT_ID]
        return client_id

    @property
    def scopes(self) -> frozenset[str]:
        """What was granted; the empty set if nothing."""
        return read_scopes(self._read[names.SCOPE]) if names.SCOPE in self._read else frozenset()

    @property
    def roles(self) -> frozenset[str]:
        """`roles`, or the empty set."""
        return frozenset(self._read.get(names.ROLES, ()))

    @property
    def groups(self) -> frozenset[str]:
        """`groups`, or the empty set."""
        return frozenset(self._read.get(names.GROUPS, ()))

    @property
    def entitlements(self) -> frozenset[str]:
        """`entitlements`, or the empty set."""
        return frozenset(self._read.get(names.ENTITLEMENTS, ()))

    @property
    def is_person(self) -> bool:
        """Whether somebody other than the client itself stands behind the token (RFC 9068 sections 2.2 and 5)."""
        return self.subject != self.client_id and self.profile.is_person(self._claims)


def _refuse(_token: VerifiedToken, name: str, *_value: object) -> NoReturn:
    raise FrozenInstanceError(f"{name!r} of a verified token cannot be changed")


# What `dataclass` makes says TypeError for whatever is no field: on Python 3.11 it looks for the class that had no slots yet.
VerifiedToken.__setattr__ = VerifiedToken.__delattr__ = _refuse  # type: ignore[method-assign, assignment]


class _Unsealed:
    """What a token is while `seal` fills it in: the same slots, and nothing that forbids to set them."""

    __slots__ = VerifiedToken.__slots__


# What is plain gives way to what is frozen, with the same members: two threads that do so at once do the same.
_keep_claims: Final = VerifiedToken.__dict__["_claims"].__set__
_keep_read: Final = VerifiedToken.__dict__["_read"].__set__
# For whoever holds a token against the feed; the dataclass is frozen for everybody else.
clear: Final = VerifiedToken.__dict__["cleared"].__set__


def seal(claims: dict[str, Any], read: dict[str, Any], profile: Profile, key_id: str, valid_from: int) -> VerifiedToken:
    """Return the proof that these claims were verified. For `verify()` alone; an architecture test looks for other callers."""
    token: Any = _Unsealed()
    token._claims = claims  # noqa: SLF001 - the slots of the class that it becomes
    token._read = read  # noqa: SLF001
    token.profile = profile
    token.key_id = key_id
    token.subject = read[names.SUBJECT]
    token.valid_from = valid_from
    token.expires_at = claims[names.EXPIRES_AT]
    token.cleared = None
    # From here on it is frozen. Changing the class once takes half the time of seven calls of the slots' own setters.
    token.__class__ = VerifiedToken  # the slots are the same, or the interpreter would refuse
    sealed: VerifiedToken = token
    return sealed
