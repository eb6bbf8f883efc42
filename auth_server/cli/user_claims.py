"""`auth-server user set-claims`: what is known of a person beyond name and address."""

from __future__ import annotations

import argparse
import json
from typing import Any

from auth_server.accounts.claims import ClaimsRefused, change_claims
from auth_server.cli.command import Answer, Command, refused, usage
from auth_server.cli.inputs import add_user
from auth_server.cli.opened import over_services
from auth_server.services import Services

_TEXT = 'NAME=VALUE; VALUE is a text, or JSON where it begins with { [ " or is true, false or a number; "" takes the claim away'


def _arguments(parser: argparse.ArgumentParser) -> None:
    add_user(parser)
    parser.add_argument("--claim", action="append", default=[], metavar="NAME=VALUE", help=_TEXT)
    parser.add_argument("--group", action="append", metavar="GROUP", help='all groups they are in; repeat for more, "" for none')


async def _set_claims(services: Services, given: argparse.Namespace) -> Answer:
    account = await services.administration.find(given.user)
    if account is None:
        raise refused(f"there is no user {given.user}", error="not_found")
    claims = dict(map(read_claim, given.claim))
    groups = None if given.group is None else [group for group in given.group if group]
    try:
        known = await services.store.run(lambda tx: change_claims(tx, account.sub, claims=claims, groups=groups))
    except ClaimsRefused as fault:
        raise usage(str(fault)) from fault
    document = {"sub": account.sub, "claims": known.claims, "groups": list(known.groups)}
    return Answer(document, f"user {account.username}: {', '.join(sorted(known.claims)) or 'no claims'}")


def read_claim(text: str) -> tuple[str, Any]:
    """Read `NAME=VALUE`; None as the value takes the claim away.

    Raises:
        CommandFailed: there is no `=`, or what looks like JSON is none.
    """
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise usage(f"{text!r} is not NAME=VALUE")
    if not value:
        return name, None
    if value[0] not in '{["' and value not in ("true", "false") and not value.isdigit():
        return name, value
    try:
        return name, json.loads(value)
    except ValueError as error:
        raise usage(f"the value of {name} is not JSON: {error}") from error


SET_CLAIMS = Command(
    "set-claims",
    "say what is known of a person",
    "Set claims of a person and the groups they are in. Scopes release them: profile, email, address, phone and groups; names of your "
    "own are URLs, or are declared on a resource.",
    (
        'auth-server user set-claims alice --claim "name=Alice Liddell" --claim phone_number=+442079460000 --group admins',
        'auth-server user set-claims alice --claim \'address={"locality": "Oxford"}\'',
    ),
    over_services(_set_claims),
    _arguments,
)
