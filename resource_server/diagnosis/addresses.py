"""How two addresses that should be the same differ: the mistakes that are made with issuers and audiences, by name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from urllib.parse import SplitResult, urlsplit

from resource_server.diagnosis.report import Mistake
from shared.settings import is_loopback

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


def differences(what: str, got: str, expected: str) -> list[Mistake]:
    """Return what makes two addresses differ; nothing where they are simply two addresses.

    Args:
        what: "issuer" or "audience": what the addresses name.
    """
    if got == expected:
        return []
    if got.rstrip("/") == expected.rstrip("/"):
        return [_slash(what, got, expected)]
    if got.lower() == expected.lower():
        return [Mistake("letter_case", f"The {what} differs in capital letters alone.", f"Spell it everywhere alike: {expected}")]
    one, other = _split(got), _split(expected)
    if one is None or other is None or one.path.rstrip("/") != other.path.rstrip("/"):
        return []
    found = [_slash(what, got, expected)] if one.path != other.path else []
    if one.hostname != other.hostname:
        return [*found, *_host(what, one, other)]
    if one.scheme != other.scheme:
        return [*found, _scheme(what, one.scheme, other.scheme)]
    return [*found, _port(what, one, other)]


def nearest(what: str, candidates: Iterable[str], expected: str) -> list[Mistake]:
    """Return what makes the most similar of several addresses differ."""
    return next((found for candidate in candidates if (found := differences(what, candidate, expected))), [])


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return parts if parts.scheme in _DEFAULT_PORTS and parts.hostname else None


def _is_local(parts: SplitResult) -> bool:
    host = parts.hostname or ""
    # A name without a dot is a container's, or a short name on a private network.
    return is_loopback(host) or ("." not in host and ":" not in host) or host.endswith((".internal", ".local"))


def _slash(what: str, got: str, expected: str) -> Mistake:
    longer = "the token's has one" if got.endswith("/") else "this API's setting has one"
    return Mistake(
        "trailing_slash",
        f"The {what} differs by a slash at the end alone ({longer}). Such names are compared character by character.",
        f"Spell it alike on both sides: here it is {expected}, there it is {got}",
    )


def _host(what: str, one: SplitResult, other: SplitResult) -> list[Mistake]:
    """Return why two host names differ, where there is a usual reason: two public ones are simply two servers."""
    local = [parts for parts in (one, other) if _is_local(parts)]
    names = f"The {what} is named by {one.hostname} on one side and by {other.hostname} on the other:"
    if len(local) == 2:
        return [Mistake("localhost_for_container_name", f"{names} the same server under two network names.", _HOST_TODO[what])]
    if not local:
        return []
    meaning = (
        f"{names} {local[0].hostname} is known on this machine or network alone. A default that was left as it was, another environment, "
        "or the same server under two names."
    )
    return [Mistake("local_for_public_name", meaning, _LOCAL_TODO[what])]


_HOST_TODO: Final = {
    "issuer": "Keep one public address as the issuer on both sides, and set RESOURCE_SERVER_METADATA_URL to the name under which this API "
    "reaches it.",
    "audience": "An audience is a name, not a place: give the API one identifier, and let the client ask for exactly that.",
}
_LOCAL_TODO: Final = {
    "issuer": "If both are one server, keep its public address as the issuer on both sides, and set RESOURCE_SERVER_METADATA_URL to the "
    "name under which this API reaches it. Else get a token from this API's issuer.",
    "audience": "Set RESOURCE_SERVER_AUDIENCE to the identifier under which this API is registered at the issuer, and let the client ask "
    "for exactly that.",
}


def _scheme(what: str, got: str, expected: str) -> Mistake:
    return Mistake(
        "http_for_https",
        f"The {what} says {got} where {expected} is expected; often a proxy in front ends TLS, and the server behind it does not know.",
        "Set the public https:// address as the issuer on both sides; it is never derived from a request.",
    )


def _port(what: str, one: SplitResult, other: SplitResult) -> Mistake:
    ports = [parts.port or _DEFAULT_PORTS[parts.scheme] for parts in (one, other)]
    return Mistake(
        "port_differs",
        f"The {what} differs in its port: {ports[0]} and {ports[1]} (a published container port, two servers on one machine, or `:443` "
        "spelt out).",
        "Spell the address alike on both sides, port included.",
    )
