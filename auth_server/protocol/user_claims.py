"""What is told of a person, and what releases it: scopes, the `claims` parameter, and what a resource declared.

Source: OpenID Connect Core 1.0 sections 5.1, 5.4 and 5.5.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from shared import claims as registered

OF_SCOPE: Final[Mapping[str, tuple[str, ...]]] = {
    "profile": (
        "name",
        "family_name",
        "given_name",
        "middle_name",
        "nickname",
        "preferred_username",
        "profile",
        "picture",
        "website",
        "gender",
        "birthdate",
        "zoneinfo",
        "locale",
        "updated_at",
    ),
    "email": ("email", "email_verified"),
    "address": ("address",),
    "phone": ("phone_number", "phone_number_verified"),
    "groups": ("groups",),
}
STANDARD: Final = frozenset(name for names in OF_SCOPE.values() for name in names)
# What an account stores of the standard ones; the others follow from the account itself.
_FOLLOWS: Final = frozenset({"preferred_username", "updated_at", "email", "email_verified", "groups"})
STORED: Final = STANDARD - _FOLLOWS
ADDRESS: Final = frozenset({"formatted", "street_address", "locality", "region", "postal_code", "country"})
MOST_CHARACTERS: Final = 8192
_FLAGS: Final = frozenset({"phone_number_verified"})
_PRIVATE_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")
_GROUP: Final = re.compile(r"[^\s\"\\]{1,128}")
# Names that mean something in a token of ours; a person's claim of that name would be believed.
_TAKEN: Final = registered.RESERVED | {"nonce", "at_hash", "c_hash", "azp", "events", "may_act"}


def is_namespaced(name: str) -> bool:
    """Say whether a custom claim's name is a URL of its owner, which means the same to everybody."""
    return name.startswith("https://") and name.isprintable() and " " not in name and len(name) <= 256


def fault(claims: Mapping[str, Any], groups: Iterable[str] = ()) -> str | None:
    """Return what is wrong with the claims that an account is to store, or None."""
    for name, value in claims.items():
        if (wrong := _fault_of(name, value)) is not None:
            return f"claim {name}: {wrong}"
    for group in groups:
        if not _GROUP.fullmatch(group):
            return f"group {group!r}: must be 1 to 128 characters without white space or quotation marks"
    if len(json.dumps(claims)) > MOST_CHARACTERS:
        return f"the claims are over {MOST_CHARACTERS} characters together"
    return None


def name_fault(name: str) -> str | None:
    """Return what is wrong with the name of a custom claim, or None."""
    if name in _TAKEN or name in _FOLLOWS:
        return "is set by the server itself"
    if not is_namespaced(name) and not _PRIVATE_NAME.fullmatch(name):
        return "must be a URL (https://...) or 1 to 64 letters, digits or _.-"
    return None


def declaration_fault(name: str) -> str | None:
    """Return what is wrong with a claim that a resource declares, or None."""
    if name == "groups":
        return None
    # Its tokens pass through every party on the way; who may know a name or an address asks userinfo.
    return "is told by userinfo alone" if name in STANDARD else name_fault(name)


def _fault_of(name: str, value: Any) -> str | None:
    if name == "address":
        known = isinstance(value, dict) and ADDRESS.issuperset(value) and all(isinstance(part, str) for part in value.values())
        return None if known else f"must be an object of {', '.join(sorted(ADDRESS))}"
    if name in _FLAGS:
        return None if isinstance(value, bool) else "must be true or false"
    if name in STORED:
        return None if isinstance(value, str) and value else "must be a text"
    if name == "groups":
        return "groups have a place of their own"
    return name_fault(name)


def known_of(
    *, username: str, email: str | None, email_verified: bool, stored: Mapping[str, Any], groups: Iterable[str], updated_at: int
) -> dict[str, Any]:
    """Return everything that is known of a person, by claim name. `updated_at` in seconds."""
    known = dict(stored) | {"preferred_username": username, "updated_at": updated_at}
    if email is not None:
        known |= {"email": email, "email_verified": email_verified}
    if members := sorted(groups):
        known["groups"] = members
    return known


def released_by_scope(known: Mapping[str, Any], scope: frozenset[str]) -> dict[str, Any]:
    """Return what the scopes release."""
    names = {name for word, names in OF_SCOPE.items() if word in scope for name in names}
    return {name: value for name, value in known.items() if name in names}


def released_by_name(known: Mapping[str, Any], asked: Mapping[str, Mapping[str, Any]], scope: frozenset[str]) -> dict[str, Any]:
    """Return what the `claims` parameter asks for by name: standard claims whose scope was granted too, and namespaced ones.

    Asking by name says where a claim is wanted; whether the client may have it is what the person allowed, and that is scopes.
    """
    allowed = {name for word, names in OF_SCOPE.items() if word in scope for name in names}
    return {
        name: value
        for name, value in known.items()
        if name in asked and (name in allowed or (is_namespaced(name) and "profile" in scope))
    }


def declared_by(known: Mapping[str, Any], declared: Iterable[str]) -> dict[str, Any]:
    """Return what a resource declared that its access tokens tell: custom claims and groups, never name or address."""
    return {name: known[name] for name in declared if name in known and (name == "groups" or name not in STANDARD)}
