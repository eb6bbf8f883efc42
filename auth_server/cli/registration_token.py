"""`auth-server registration-token ...`: who may register clients (RFC 7591 section 3)."""

from __future__ import annotations

import argparse
from typing import Final

from auth_server.cli.command import Answer, Command, not_found
from auth_server.cli.opened import over_services
from auth_server.cli.plain_text import stamp, table, timestamp
from auth_server.services import Services
from auth_server.store.client_registrations import InitialAccessToken

_DAY: Final = 86_400


def _create_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--name", default="", help="what it is for, for the list")
    parser.add_argument("--uses", type=_whole, default=1, metavar="N", help="how many clients it may register (default 1)")
    parser.add_argument("--lifetime", type=_whole, default=_DAY, metavar="SECONDS", help=f"default {_DAY}, one day")


async def _create(services: Services, given: argparse.Namespace) -> Answer:
    made, token = await services.other_grants.registrations.create_initial_token(given.name, given.uses, given.lifetime)
    document = _described(made) | {"token": token.reveal()}
    text = (
        f"registration token {made.id}: {made.uses_left} clients, until {stamp(made.expires_at * 1000)}\n\n"
        f"token  {token.reveal()}\n\n(shown this once; only its digest is kept)"
    )
    mode = services.settings.dynamic_registration
    notes = {
        "off": ("AUTH_SERVER_DYNAMIC_REGISTRATION is off: nobody can register yet, with or without a token",),
        "open": ("AUTH_SERVER_DYNAMIC_REGISTRATION is open: anybody can register without it",),
    }
    return Answer(document, text, notes.get(mode, ()))


async def _list(services: Services, given: argparse.Namespace) -> Answer:
    tokens = await services.other_grants.registrations.initial_tokens()
    rows = [(each.id, each.name, str(each.uses_left), stamp(each.expires_at * 1000)) for each in tokens]
    text = table(("TOKEN", "NAME", "USES LEFT", "UNTIL"), rows, empty="no registration tokens")
    return Answer({"registration_tokens": [_described(each) for each in tokens]}, text)


async def _revoke(services: Services, given: argparse.Namespace) -> Answer:
    if not await services.other_grants.registrations.revoke_initial_token(given.id):
        raise not_found(f"there is no registration token {given.id}")
    return Answer({"id": given.id, "revoked": True}, f"registration token {given.id} revoked; clients that it registered stay")


def _described(token: InitialAccessToken) -> dict[str, object]:
    return {
        "id": token.id,
        "name": token.name,
        "uses_left": token.uses_left,
        "expires_at": timestamp(token.expires_at * 1000),
    }


def _id(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id")


def _whole(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 366 * _DAY:
        raise argparse.ArgumentTypeError("must be a whole number, at least 1")
    return int(text)


COMMANDS: Final = (
    Command(
        "create",
        "let somebody register clients",
        "Make a token that lets its holder register clients at /register, a number of them within a time. It is printed once.",
        ("auth-server registration-token create --name ci --uses 10 --lifetime 3600",),
        over_services(_create),
        _create_arguments,
    ),
    Command(
        "list",
        "list registration tokens",
        "List the tokens that let somebody register clients.",
        ("auth-server registration-token list",),
        over_services(_list),
        lambda parser: None,
    ),
    Command(
        "revoke",
        "end a registration token",
        "End a registration token. Clients that it registered stay.",
        ("auth-server registration-token revoke 0f1e2d3c4b5a",),
        over_services(_revoke),
        _id,
    ),
)
