"""Options of `auth-server client` for whoever signs people in."""

from __future__ import annotations

import argparse
from dataclasses import fields
from typing import Any, Final

from auth_server.cli.command import usage
from auth_server.protocol.client import LINKS, SIGN_IN_MEMBERS, Client

_DEFAULTS: Final = {field.name: field.default for field in fields(Client)}


def add_sign_in_options(parser: argparse.ArgumentParser) -> None:
    """Let a client be registered for signing people in."""
    group = parser.add_argument_group("signing people in (docs/authorization-code.md, docs/openid-connect.md)")
    group.add_argument(
        "--insecure-without-pkce",
        action=argparse.BooleanOptionalAction,
        help="let this confidential client do without PKCE; for certification suites, and for nothing else",
    )
    group.add_argument(
        "--require-pushed-requests", action=argparse.BooleanOptionalAction, help="refuse requests that were not pushed (RFC 9126)"
    )
    group.add_argument(
        "--without-consent", action=argparse.BooleanOptionalAction, help="it is your own: people are not asked whether it may"
    )
    group.add_argument("--subject-type", choices=("public", "pairwise"), help="pairwise: other clients know people by other subs")
    group.add_argument("--sector", metavar="HOST", help='host whose clients share pairwise subs; "" for that of the redirect URI')
    group.add_argument("--backchannel-logout-uri", metavar="URL", help='where it is told that a session ended; "" for none')
    group.add_argument(
        "--default-max-age", metavar="SECONDS", help='how old a sign-in may be where a request does not say; "" for none'
    )
    for name in LINKS:
        group.add_argument(f"--{name.replace('_', '-')}", metavar="URL", help='shown to people; "" for none')


def sign_in_of(given: argparse.Namespace) -> dict[str, Any]:
    """Return the members of a client that these options set; what was not named stays as it is."""
    members: dict[str, Any] = {}
    if given.insecure_without_pkce is not None:
        members["requires_pkce"] = not given.insecure_without_pkce
    if given.without_consent is not None:
        members["asks_for_consent"] = not given.without_consent
    if given.require_pushed_requests is not None:
        members["requires_pushed_requests"] = given.require_pushed_requests
    if given.subject_type is not None:
        members["subject_type"] = given.subject_type
    if given.default_max_age is not None:
        members["default_max_age"] = _seconds(given.default_max_age)
    for name in ("sector", "backchannel_logout_uri", *LINKS):
        if (value := getattr(given, name)) is not None:
            members[name] = value or None
    return members


def described_sign_in(client: Client) -> dict[str, object]:
    """Return the same members for JSON."""
    return {name: getattr(client, name) for name in SIGN_IN_MEMBERS}


def sign_in_details(client: Client) -> list[tuple[str, str]]:
    """Return what is not as usual, as lines for a person."""
    rows = []
    if not client.requires_pkce:
        rows.append(("PKCE", "INSECURE: may be left out"))
    if client.requires_pushed_requests:
        rows.append(("requests", "must be pushed"))
    if not client.asks_for_consent:
        rows.append(("consent", "nobody is asked"))
    if client.pairwise_sector is not None:
        rows.append(("subjects", f"pairwise, of the sector {client.pairwise_sector}"))
    if client.backchannel_logout_uri is not None:
        rows.append(("told of logouts", client.backchannel_logout_uri))
    if client.default_max_age is not None:
        rows.append(("sign-in at most", f"{client.default_max_age} s old"))
    return rows + [(name, uri) for name in LINKS if (uri := getattr(client, name)) is not None]


def declared_sign_in(row: dict[str, Any]) -> dict[str, Any]:
    """Return the members of a client that the declarative file sets."""
    return {name: _DEFAULTS[name] if row[name] is None else row[name] for name in SIGN_IN_MEMBERS}


def _seconds(text: str) -> int | None:
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise usage("--default-max-age must be a whole number of seconds")
    return int(text)
