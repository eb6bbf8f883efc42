"""How people, clients, scopes, browsers and refused passwords are put on pages."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from auth_server.languages.catalogue import Catalogue
from auth_server.protocol.client import Client
from auth_server.protocol.errors import ApiError
from auth_server.protocol.redirect_uri import shown_host
from auth_server.protocol.resource import Resource
from auth_server.store.accounts import Account

# What identifies somebody and belongs to no API.
_IDENTITY: Final = ("openid", "profile", "email", "address", "phone", "offline_access")
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_BROWSERS: Final = (
    ("Edg", "Edge"),
    ("OPR", "Opera"),
    ("Firefox", "Firefox"),
    ("FxiOS", "Firefox"),
    ("CriOS", "Chrome"),
    ("Chrome", "Chrome"),
    ("Safari", "Safari"),
)
_SYSTEMS: Final = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)
_REASONS: Final = (
    (re.compile(r"at least (\d+) characters"), "password.weak.length"),
    (re.compile(r"must not contain"), "password.weak.names"),
    (re.compile(r"at most \d+ bytes"), "password.weak.bytes"),
    (re.compile(r"easy to guess"), "password.weak.guessable"),
)


@dataclass(frozen=True, slots=True)
class ShownPerson:
    """Somebody, as an identity chip shows them."""

    name: str
    initials: str
    email: str | None = None

    @classmethod
    def of(cls, account: Account) -> ShownPerson:
        """Return an account's; an address that was not verified is somebody's claim, so it is not shown as theirs."""
        email = account.email if account.email_verified else None
        return cls(account.username, _initials(account.username), email)


@dataclass(frozen=True, slots=True)
class ShownClient:
    """A client as a page names it. `host` is where an answer goes: the one thing it cannot make up."""

    name: str
    host: str | None
    warning: str | None = None
    policy_link: str | None = None
    terms_link: str | None = None


@dataclass(frozen=True, slots=True)
class ShownScope:
    """One thing that is asked for."""

    text: str
    is_new: bool


@dataclass(frozen=True, slots=True)
class ShownGroup:
    """What is asked for at one API, or about the person themselves (`identifier` None)."""

    heading: str
    identifier: str | None
    scopes: tuple[ShownScope, ...]


def shown_client(client: Client, words: Catalogue, *, redirect_uri: str | None = None) -> ShownClient:
    """Return how a page names a client."""
    return ShownClient(
        name=client.name,
        host=None if redirect_uri is None else shown_host(redirect_uri),
        warning=_warning(client, words, redirect_uri),
        policy_link=_https(client.policy_uri),
        terms_link=_https(client.tos_uri),
    )


def shown_scopes(
    words: Catalogue, names: frozenset[str], resource: Resource | None, *, new: frozenset[str] | None = None
) -> tuple[ShownGroup, ...]:
    """Return what is asked for, in words, by whose it is.

    Args:
        new: those that were not allowed before; None where nothing was, so that nothing stands out.
    """
    marked = names & (new or frozenset()) if new is not None and new != names else frozenset()
    about = tuple(
        ShownScope(words.text(f"scope.{name}"), name in marked) for name in _IDENTITY if name in names and name != "openid"
    )
    offered = resource.scopes if resource else {}
    at_api = tuple(ShownScope(offered[name].description, name in marked) for name in sorted(names) if name in offered)
    groups = [ShownGroup(words.text("consent.identity"), None, about)] if about else []
    if resource is not None and at_api:
        groups.append(ShownGroup(resource.name, None if resource.name == resource.identifier else resource.identifier, at_api))
    return tuple(groups)


def shown_device(words: Catalogue, user_agent: str | None) -> str:
    """Say which browser on which system a `User-Agent` is; it says what it likes, so this is a hint and no more."""
    text = user_agent or ""
    browser = next((name for mark, name in _BROWSERS if mark in text), None)
    system = next((name for mark, name in _SYSTEMS if mark in text), None)
    if browser and system:
        return words.text("agent.on", browser=browser, system=system)
    return browser or system or words.text("agent.unknown")


def reasons_in_words(words: Catalogue, error: ApiError) -> tuple[str, ...]:
    """Return why a password is not acceptable, in the reader's language."""
    found = []
    for reason in error.reasons:
        for pattern, message_id in _REASONS:
            match = pattern.search(reason)
            if match:
                found.append(words.text(message_id, **({"least": match[1]} if match.groups() else {})))
    return tuple(dict.fromkeys(found))


def _warning(client: Client, words: Catalogue, redirect_uri: str | None) -> str | None:
    host = urlsplit(client.client_id).hostname if client.client_id.startswith("https://") else None
    said = []
    if host is not None:
        said.append(words.text("consent.warning.document", host=host))
    elif client.is_dynamic:
        said.append(words.text("consent.warning.self_registered"))
    # Whatever runs on this computer may wait at such an address, whoever the client says it is.
    if client.is_public and redirect_uri is not None and urlsplit(redirect_uri).hostname in _LOOPBACK:
        said.append(words.text("consent.warning.loopback"))
    return " ".join(said) or None


def _https(uri: str | None) -> str | None:
    return uri if uri is not None and uri.startswith("https://") else None


def _initials(name: str) -> str:
    parts = [part for part in re.split(r"[\s._-]+", name) if part]
    return "".join(part[0] for part in parts[:2]) or "?"
