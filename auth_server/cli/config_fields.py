"""The members of the declarative file: which there are, and of which type. Pure; every fault names its place."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from auth_server.cli.parsing import did_you_mean
from shared import scope


def text(value: object) -> str:
    """Read a text."""
    if not isinstance(value, str) or not value:
        raise TypeError("a text")
    return value


def flag(value: object) -> bool:
    """Read true or false."""
    if not isinstance(value, bool):
        raise TypeError("true or false")
    return value


def whole(value: object) -> int:
    """Read a whole number."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError("a whole number")
    return value


def words(value: object) -> tuple[str, ...]:
    """Read a list of texts."""
    if not isinstance(value, list) or not all(isinstance(word, str) and word for word in value):
        raise TypeError("a list of texts")
    return tuple(value)


def table(value: object) -> dict[str, Any]:
    """Read a table."""
    if not isinstance(value, dict):
        raise TypeError("a table")
    return value


def scopes(value: object) -> frozenset[str]:
    """Read scopes: a text of them separated by spaces, or a list."""
    if isinstance(value, str):
        return scope.parse(value)
    return frozenset(words(value))


@dataclass(frozen=True, slots=True)
class Member:
    """One member of a table: how it is read, and what it is when it is left out. `required` members have no default."""

    read: Callable[[object], Any]
    default: Any = None
    required: bool = False


RESOURCE: Final = {
    "identifier": Member(text, required=True),
    "name": Member(text),
    "first_party": Member(flag, True),
    "permissions": Member(words, ()),
    "access_token_lifetime": Member(whole),
    "signing_alg": Member(text),
    "claims": Member(words, ()),
    "encryption_jwks_uri": Member(text),
    "scopes": Member(lambda value: value, []),  # tables of their own, read by SCOPE
}
SCOPE: Final = {
    "name": Member(text, required=True),
    "description": Member(text, ""),
    "requires_permission": Member(text),
}
ROLE: Final = {
    "name": Member(text, required=True),
    "description": Member(text, ""),
    "permissions": Member(words, ()),
}
CLIENT: Final = {
    "client_id": Member(text, required=True),
    "name": Member(text),
    "auth_method": Member(text, "client_secret_basic"),
    "secret_file": Member(text),
    "grants": Member(words, ()),
    "scope": Member(scopes, frozenset()),
    "redirect_uris": Member(words, ()),
    "post_logout_redirect_uris": Member(words, ()),
    "default_resource": Member(text),
    "rotate_refresh_tokens": Member(flag),
    "signing_alg": Member(text),
    "jwks_file": Member(text),
    "jwks_uri": Member(text),
    "introspects": Member(words, ()),
    "exchange_audiences": Member(words, ()),
    "exchange_subject_clients": Member(words, ()),
    "trusted_issuers": Member(lambda value: value, []),  # tables of their own, read by TRUSTED_ISSUER
    "requires_pkce": Member(flag),
    "requires_pushed_requests": Member(flag),
    "asks_for_consent": Member(flag),
    "subject_type": Member(text),
    "sector": Member(text),
    "backchannel_logout_uri": Member(text),
    "backchannel_logout_session_required": Member(flag),
    "default_max_age": Member(whole),
    "logo_uri": Member(text),
    "client_uri": Member(text),
    "policy_uri": Member(text),
    "tos_uri": Member(text),
}
TRUSTED_ISSUER: Final = {
    "issuer": Member(text, required=True),
    "subject": Member(text, required=True),
    "jwks_file": Member(text),
    "jwks_uri": Member(text),
    "reusable": Member(flag, False),
}
USER: Final = {
    "username": Member(text, required=True),
    "email": Member(text),
    "email_verified": Member(flag, False),
    "roles": Member(words, ()),
    "password_file": Member(text),
    "password_hash": Member(text),
    "claims": Member(table, {}),
    "groups": Member(words, ()),
}
_NUMBER: Final = re.compile(r"\[\d+\]")
KINDS: Final = ("resources", "roles", "clients", "users")


def read_tables(value: object, place: str, members: Mapping[str, Member], faults: list[str]) -> list[dict[str, Any]]:
    """Return the tables of an array, each with all of its members; what is wrong is added to `faults`, by place.

    A table with a fault comes back with defaults in the faulty places, so that the rest of it can be checked as well.
    """
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        faults.append(f"{place}: must be tables: write [[{_NUMBER.sub('', place)}]]")
        return []
    return [_table(item, f"{place}[{number}]", members, faults) for number, item in enumerate(value)]


def unknown_members(table: Mapping[str, object], place: str, known: Mapping[str, object], faults: list[str]) -> None:
    """Add a fault for each member that means nothing, with the one it looks like."""
    there_is = f"; there is {', '.join(known)}"
    faults += [f"{place}{name}: unknown{did_you_mean(name, known) or there_is}" for name in table if name not in known]


def _table(raw: Mapping[str, object], place: str, members: Mapping[str, Member], faults: list[str]) -> dict[str, Any]:
    unknown_members(raw, f"{place}.", members, faults)
    return {name: _member(raw, name, member, place, faults) for name, member in members.items()}


def _member(raw: Mapping[str, object], name: str, member: Member, place: str, faults: list[str]) -> Any:
    if name not in raw:
        if member.required:
            faults.append(f"{place}.{name}: missing")
        return "" if member.required else member.default
    try:
        return member.read(raw[name])
    except TypeError as error:
        faults.append(f"{place}.{name}: must be {error}")
    except ValueError as error:
        faults.append(f"{place}.{name}: {error}")
    return "" if member.required else member.default
