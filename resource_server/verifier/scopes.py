"""What a route asks of a verified token beyond being good: scopes, roles, permissions, a person, a fresh or strong sign-in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import inf
from typing import Literal, TypedDict, Unpack

from resource_server.verifier.errors import (
    InsufficientScope,
    InsufficientUserAuthentication,
    MissingPermission,
    MissingRole,
    PersonRequired,
    TokenRefused,
)
from resource_server.verifier.token import VerifiedToken
from shared import claims as names_of_claims
from shared import scope as scope_string


@dataclass(frozen=True, slots=True)
class Requirement:
    """A conjunction: every `scopes`, `roles` and `permissions`, and at least one of each `any_` set that is given.

    An `any_` set is None where nothing is asked; an empty one would be a rule that nobody wrote, and is an error. `person` refuses
    tokens that a client got for itself. `acr` lists classes of sign-in of which one is needed, the preferred first, and `max_age` is
    how many seconds ago it may have been (RFC 9470). `silent_feed` is for the guard, which follows the issuer's revocation feed:
    `closed` asks for 503 while nothing is heard of it; None leaves it to the guard's own setting.

    Raises:
        ValueError: an empty name, an empty `any_` set, a scope that no token can hold, or a `max_age` below zero.
    """

    scopes: frozenset[str] = frozenset()
    any_scope: frozenset[str] | None = None
    roles: frozenset[str] = frozenset()
    any_role: frozenset[str] | None = None
    permissions: frozenset[str] = frozenset()
    any_permission: frozenset[str] | None = None
    person: bool = False
    acr: tuple[str, ...] = ()
    max_age: int | None = None
    silent_feed: Literal["open", "closed"] | None = None

    def __post_init__(self) -> None:
        for alternatives in (self.any_scope, self.any_role, self.any_permission):
            if alternatives is not None and not alternatives:
                raise ValueError("an empty list of alternatives asks for nothing; leave it out")
        if not all(scope_string.is_scope_token(scope) for scope in self.scopes | (self.any_scope or frozenset())):
            raise ValueError("not a scope: a scope is printable ASCII without space, quotation mark and backslash")
        named = self.roles | (self.any_role or frozenset()) | self.permissions | (self.any_permission or frozenset())
        if "" in named:
            raise ValueError("a role or permission has no name")
        if not all(acr and acr.isprintable() and " " not in acr for acr in self.acr):
            raise ValueError("an `acr` is one word")
        if self.max_age is not None and self.max_age < 0:
            raise ValueError("max_age is a number of seconds, from 0")
        if self.silent_feed not in (None, "open", "closed"):
            raise ValueError("silent_feed is open or closed")

    def check(self, token: VerifiedToken, now: float = inf) -> None:
        """Refuse a token that does not meet the requirement.

        Args:
            now: seconds since the epoch, less the leeway. Only `max_age` is judged by it; where it is not told, no sign-in is fresh.

        Raises:
            InsufficientScope: with the scope that a client must ask for.
            InsufficientUserAuthentication: with what the next sign-in must be like.
            MissingRole, MissingPermission, PersonRequired: nothing the client could ask for would help.
        """
        _check_scopes(token, self.scopes, self.any_scope)
        if self.person and not token.is_person:
            raise PersonRequired("sub equals client_id: a client got this token for itself")
        if self.roles or self.any_role is not None:
            _check_names(MissingRole, token.roles, self.roles, self.any_role)
        if self.permissions or self.any_permission is not None:
            _check_names(MissingPermission, token.entitlements, self.permissions, self.any_permission)
        if self.acr or self.max_age is not None:
            _check_sign_in(token, self.acr, self.max_age, now)


class Rules(TypedDict, total=False):
    """What may be asked besides scopes; each name or list of names as in `Requirement`."""

    any_scope: str | Iterable[str] | None
    role: str | Iterable[str] | None
    any_role: str | Iterable[str] | None
    permission: str | Iterable[str] | None
    any_permission: str | Iterable[str] | None
    person: bool
    acr: str | Iterable[str] | None
    max_age: int | None
    silent_feed: Literal["open", "closed"] | None


def requirement(*scopes: str, **rules: Unpack[Rules]) -> Requirement:
    """Return what these words ask for.

    Raises:
        ValueError: a name is empty or malformed, or a list is empty.
        TypeError: a word that is none of the rules, or scopes that are not each an argument of its own.
    """
    _check_words(scopes, rules)
    any_scope, any_role, any_permission = rules.get("any_scope"), rules.get("any_role"), rules.get("any_permission")
    acr = rules.get("acr")
    return Requirement(
        scopes=names(scopes),
        any_scope=None if any_scope is None else names(any_scope),
        roles=names(rules.get("role")),
        any_role=None if any_role is None else names(any_role),
        permissions=names(rules.get("permission")),
        any_permission=None if any_permission is None else names(any_permission),
        person=rules.get("person", False),
        acr=(acr,) if isinstance(acr, str) else tuple(acr or ()),
        max_age=rules.get("max_age"),
        silent_feed=rules.get("silent_feed"),
    )


def _check_words(scopes: tuple[str, ...], rules: Rules) -> None:
    # Types say it as well; but a rule that nobody reads would leave a route open, so nobody has to run a type checker for it.
    unknown = sorted(rules.keys() - Rules.__optional_keys__)
    if unknown:
        raise TypeError(
            f"{', '.join(unknown)}: no such rule; there are {', '.join(sorted(Rules.__optional_keys__))}, and scopes in front"
        )
    if not all(isinstance(scope, str) for scope in scopes):
        raise TypeError("each scope is an argument of its own: requires('a', 'b')")
    for word in ("role", "permission", "acr"):
        asked = rules.get(word)
        if asked is not None and not names(asked):  # type: ignore[arg-type]  # these three are names or lists of names
            raise ValueError(f"{word} is empty: an empty list of rules is an error, not a pass")


def require_scopes(token: VerifiedToken, *scopes: str) -> None:
    """Refuse a token that lacks one of the scopes (InsufficientScope)."""
    Requirement(scopes=_some(scopes)).check(token)


def require_any_scope(token: VerifiedToken, *scopes: str) -> None:
    """Refuse a token that has none of the scopes (InsufficientScope)."""
    Requirement(any_scope=_some(scopes)).check(token)


def require_roles(token: VerifiedToken, *roles: str) -> None:
    """Refuse a token whose owner lacks one of the roles (MissingRole)."""
    Requirement(roles=_some(roles)).check(token)


def require_any_role(token: VerifiedToken, *roles: str) -> None:
    """Refuse a token whose owner has none of the roles (MissingRole)."""
    Requirement(any_role=_some(roles)).check(token)


def require_permissions(token: VerifiedToken, *permissions: str) -> None:
    """Refuse a token whose owner lacks one of the permissions (MissingPermission)."""
    Requirement(permissions=_some(permissions)).check(token)


def require_any_permission(token: VerifiedToken, *permissions: str) -> None:
    """Refuse a token whose owner has none of the permissions (MissingPermission)."""
    Requirement(any_permission=_some(permissions)).check(token)


def names(value: str | Iterable[str] | None) -> frozenset[str]:
    """Return the set that one name, several, or none spell: a lone string is one name, never its letters."""
    if value is None:
        return frozenset()
    return frozenset({value}) if isinstance(value, str) else frozenset(value)


def _some(given: tuple[str, ...]) -> frozenset[str]:
    if not given:
        raise ValueError("an empty list of rules is an error, not a pass")
    return frozenset(given)


def _check_scopes(token: VerifiedToken, every: frozenset[str], alternatives: frozenset[str] | None) -> None:
    if not every <= token.scopes:
        raise InsufficientScope(every, _scope_hint(token, "needs", every))
    if alternatives is not None and alternatives.isdisjoint(token.scopes):
        raise InsufficientScope(alternatives, _scope_hint(token, "needs one of", alternatives))


def _scope_hint(token: VerifiedToken, relation: str, needed: frozenset[str]) -> str:
    return f"has {scope_string.format(token.scopes)!r}, {relation} {scope_string.format(needed)!r}"


def _check_names(
    refusal: type[TokenRefused], held: frozenset[str], every: frozenset[str], alternatives: frozenset[str] | None
) -> None:
    if not every <= held or (alternatives is not None and alternatives.isdisjoint(held)):
        needed = sorted(every) or f"one of {sorted(alternatives or ())}"
        raise refusal(f"has {sorted(held)}, needs {needed}")


def _check_sign_in(token: VerifiedToken, acr: tuple[str, ...], max_age: int | None, now: float) -> None:
    held, auth_time = token.claims.get(names_of_claims.ACR), token.claims.get(names_of_claims.AUTH_TIME)
    if acr and held not in acr:
        raise InsufficientUserAuthentication(acr, max_age, f"has acr {held!r}, needs one of {list(acr)}")
    if max_age is not None and (auth_time is None or now - auth_time > max_age):
        raise InsufficientUserAuthentication(acr, max_age, f"signed in at {auth_time!r}, at most {max_age} s ago is needed")
