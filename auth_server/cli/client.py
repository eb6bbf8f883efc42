"""`auth-server client ...`: registered clients."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import Final

from auth_server.audit.events import EventName
from auth_server.audit.log import record
from auth_server.cli.client_proofs import add_proof_options, proofs_of
from auth_server.cli.client_sign_in import add_sign_in_options, sign_in_of
from auth_server.cli.client_words import described, details, notes_on, registration_rules_of_operators, summary_table
from auth_server.cli.command import Answer, Command, CommandFailed, ExitCode, not_found, refused
from auth_server.cli.inputs import add_if_missing, add_page_options, add_yes, confirm, read_secret, scopes_of
from auth_server.cli.opened import over_services
from auth_server.cli.signing_words import add_signing_alg
from auth_server.clients.service import ROTATION_OVERLAP_SECONDS, RegistrationRefused
from auth_server.protocol.client import Client
from auth_server.protocol.secret import Secret
from auth_server.revocation.promise import promise
from auth_server.services import Services
from auth_server.store.transaction import Transaction

_SHOWN_ONCE: Final = "shown this once; only its digest is kept"


def _create_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--client-id", required=True, metavar="ID", help="1 to 200 letters, digits or ._~:/-")
    parser.add_argument("--name", default="", help="what people are shown (default: the client id)")
    parser.add_argument(
        "--auth-method",
        default="client_secret_basic",
        metavar="METHOD",
        help="client_secret_basic (default), client_secret_post, private_key_jwt or none",
    )
    parser.add_argument("--public", action="store_true", help="the same as --auth-method none: an app that keeps no secret")
    parser.add_argument("--client-secret-file", metavar="FILE", help="its secret, - for standard input; default: make one")
    parser.add_argument("--grant", action="append", default=[], metavar="TYPE", help="a grant type; repeat for more")
    parser.add_argument("--redirect-uri", action="append", default=[], metavar="URI", help="compared exactly; repeat for more")
    parser.add_argument("--post-logout-redirect-uri", action="append", default=[], metavar="URI", help="repeat for more")
    parser.add_argument("--scope", action="append", metavar="SCOPES", help="what it may ever be granted, separated by spaces")
    parser.add_argument("--default-resource", metavar="URL", help="the audience of requests that name none")
    _add_rotation(parser)
    add_signing_alg(parser, "the resource's, else the server's")
    add_proof_options(parser)
    add_sign_in_options(parser)
    add_if_missing(parser)


def _add_rotation(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--rotate-refresh-tokens",
        action=argparse.BooleanOptionalAction,
        help="default: only public clients rotate (RFC 9700 section 4.14.2)",
    )


async def _create(services: Services, given: argparse.Namespace) -> Answer:
    auth_method = "none" if given.public else given.auth_method
    client = Client(
        client_id=given.client_id,
        name=given.name or given.client_id,
        auth_method=auth_method,
        grants=frozenset(given.grant),
        scope=scopes_of(given.scope),
        default_resource=given.default_resource,
        redirect_uris=tuple(given.redirect_uri),
        post_logout_redirect_uris=tuple(given.post_logout_redirect_uri),
        rotates_refresh_tokens=given.rotate_refresh_tokens,
        signing_alg=given.signing_alg,
        **proofs_of(given),
        **sign_in_of(given),
    )
    secret = read_secret(given.client_secret_file) if given.client_secret_file else None
    try:
        made = await services.clients.register(client, registration_rules_of_operators(), secret)
    except RegistrationRefused:
        existing = await services.clients.find(client.client_id)
        if existing is None or existing.is_first_party:
            raise
        return _exists(existing, if_missing=given.if_missing)
    notes = await notes_on(services, client)
    return _told(await _found(services, client.client_id), made, "created", {"created": True}, notes)


def _exists(client: Client, *, if_missing: bool) -> Answer:
    if not if_missing:
        raise CommandFailed(ExitCode.EXISTS, "exists", f"client {client.client_id} exists already; nothing was changed")
    return Answer(described(client) | {"created": False}, f"client {client.client_id} exists already, left as it is")


def _told(
    client: Client, made: Secret | None, verb: str, more: dict[str, object], notes: tuple[str, ...], tail: str = ""
) -> Answer:
    document = described(client) | more
    text = f"client {client.client_id} {verb}{tail}"
    if made is not None:
        document["client_secret"] = made.reveal()
        text += f"\n\nclient_secret  {made.reveal()}\n\n({_SHOWN_ONCE})"
    return Answer(document, text, notes)


async def _list(services: Services, given: argparse.Namespace) -> Answer:
    page = await services.clients.page(given.after, given.limit + 1)
    shown, following = page[: given.limit], page[given.limit :]
    after = shown[-1].client_id if following else None
    more = f"\n\nmore: auth-server client list --after {after}" if after else ""
    return Answer({"clients": [described(client) for client in shown], "next": after}, summary_table(shown) + more)


async def _show(services: Services, given: argparse.Namespace) -> Answer:
    client = await _found(services, given.client_id)
    return Answer(described(client), details(client), await notes_on(services, client))


def _update_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("client_id")
    parser.add_argument("--name")
    parser.add_argument("--auth-method", metavar="METHOD")
    for word, metavar in (("grant", "TYPE"), ("redirect-uri", "URI"), ("post-logout-redirect-uri", "URI"), ("scope", "SCOPES")):
        parser.add_argument(f"--add-{word}", action="append", default=[], metavar=metavar)
        parser.add_argument(f"--remove-{word}", action="append", default=[], metavar=metavar)
    parser.add_argument("--default-resource", metavar="URL", help='"" for none')
    _add_rotation(parser)
    add_signing_alg(parser, 'as it is; "" for none')
    add_proof_options(parser)
    add_sign_in_options(parser)


async def _update(services: Services, given: argparse.Namespace) -> Answer:
    before = await _found(services, given.client_id)
    auth_method = before.auth_method if given.auth_method is None else given.auth_method
    if (auth_method == "none") != before.is_public:
        raise refused("a public client cannot become a confidential one, nor the other way round: create another client")
    rotates = given.rotate_refresh_tokens
    after = replace(
        before,
        name=before.name if given.name is None else given.name,
        auth_method=auth_method,
        grants=before.grants.union(given.add_grant).difference(given.remove_grant),
        scope=(before.scope | scopes_of(given.add_scope)) - scopes_of(given.remove_scope),
        default_resource=before.default_resource if given.default_resource is None else given.default_resource or None,
        redirect_uris=_changed(before.redirect_uris, given.add_redirect_uri, given.remove_redirect_uri),
        post_logout_redirect_uris=_changed(
            before.post_logout_redirect_uris, given.add_post_logout_redirect_uri, given.remove_post_logout_redirect_uri
        ),
        rotates_refresh_tokens=before.rotates_refresh_tokens if rotates is None else rotates,
        signing_alg=before.signing_alg if given.signing_alg is None else given.signing_alg or None,
        **proofs_of(given, before),
        **sign_in_of(given),
    )
    if after == before:
        return Answer(described(before) | {"changed": False}, f"client {before.client_id} is so already; nothing was changed")
    await services.clients.update(after, registration_rules_of_operators())
    return _told(after, None, "changed", {"changed": True}, await notes_on(services, after))


def _changed(before: tuple[str, ...], added: list[str], removed: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys([*(uri for uri in before if uri not in removed), *added]))


def _rotate_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("client_id")
    parser.add_argument(
        "--overlap",
        type=_seconds,
        default=ROTATION_OVERLAP_SECONDS,
        metavar="SECONDS",
        help=f"how long the old secrets still work (default {ROTATION_OVERLAP_SECONDS}); 0 when one was stolen",
    )


async def _rotate_secret(services: Services, given: argparse.Namespace) -> Answer:
    client = await _found(services, given.client_id)
    made = await services.clients.rotate_secret(client.client_id, overlap=given.overlap)
    if made is None:
        raise refused(f"{client.client_id} is {client.kind}: it has no secret")
    tail = f"; its old ones end in {given.overlap} s" if client.secrets and given.overlap else ""
    return _told(await _found(services, client.client_id), made, "has a new secret", {}, (), tail)


async def _disable(services: Services, given: argparse.Namespace) -> Answer:
    client = await _found(services, given.client_id)
    changed = await services.clients.disable(client.client_id)
    text = f"disabled; refresh tokens ended. It {promise(services.settings.key_policy)}" if changed else "was disabled already"
    return Answer({"client_id": client.client_id, "changed": changed, "disabled": True}, f"client {client.client_id} {text}")


async def _enable(services: Services, given: argparse.Namespace) -> Answer:
    client = await _found(services, given.client_id)

    def work(tx: Transaction) -> bool:
        if not tx.clients.enable(client.client_id):
            return False
        tx.change_directory()
        record(tx, EventName.CLIENT_CHANGED, actor="operator", client_id=client.client_id, detail={"enabled": True})
        return True

    changed = await services.store.run(work)
    text = "enabled; what ended when it was disabled stays ended" if changed else "was enabled already"
    return Answer({"client_id": client.client_id, "changed": changed, "disabled": False}, f"client {client.client_id} {text}")


async def _delete(services: Services, given: argparse.Namespace) -> Answer:
    client = await _found(services, given.client_id)
    confirm(given, f"deleting client {client.client_id} and its refresh tokens", client.client_id)
    deleted = await services.clients.delete(client.client_id)
    text = f"client {client.client_id} deleted; it {promise(services.settings.key_policy)}"
    return Answer({"client_id": client.client_id, "deleted": deleted}, text)


async def _found(services: Services, client_id: str) -> Client:
    client = await services.clients.find(client_id)
    if client is None:
        raise not_found(f"there is no client {client_id}")
    if client.is_first_party:
        raise refused(f"{client_id} is part of the program: it cannot be looked into or changed")
    return client


def _client_id(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("client_id")


def _delete_arguments(parser: argparse.ArgumentParser) -> None:
    _client_id(parser)
    add_yes(parser)


def _seconds(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise argparse.ArgumentTypeError("must be a whole number of seconds")
    return int(text)


COMMANDS: Final = (
    Command(
        "create",
        "register a client",
        "Register a client. A confidential one without --client-secret-file gets a secret of 256 random bits, which is printed once.",
        (
            "auth-server client create --client-id billing --grant client_credentials --scope notes:read",
            "auth-server client create --client-id app --public --grant authorization_code --redirect-uri https://a.example/cb",
        ),
        over_services(_create),
        _create_arguments,
    ),
    Command(
        "list",
        "list clients",
        "List clients in the order of their names, page by page.",
        ("auth-server client list --limit 20",),
        over_services(_list),
        add_page_options,
    ),
    Command(
        "show", "show one client", "Show a registration.", ("auth-server client show billing",), over_services(_show), _client_id
    ),
    Command(
        "update",
        "change a registration",
        "Change a registration: what is not named stays as it is. --add-... and --remove-... may be repeated.",
        ("auth-server client update billing --add-redirect-uri https://b.example/cb --remove-scope notes:write",),
        over_services(_update),
        _update_arguments,
    ),
    Command(
        "rotate-secret",
        "make a new secret",
        "Make a new secret and print it once. The old ones go on working for a while, so that the new one can be deployed.",
        ("auth-server client rotate-secret billing --overlap 3600",),
        over_services(_rotate_secret),
        _rotate_arguments,
    ),
    Command(
        "disable",
        "refuse a client, and end its tokens",
        "Refuse a client from now on. Its refresh tokens end, and its access tokens are named on the revocation feed.",
        ("auth-server client disable billing",),
        over_services(_disable),
        _client_id,
    ),
    Command(
        "enable",
        "let a disabled client in again",
        "Let a disabled client in again. Tokens that ended stay ended.",
        ("auth-server client enable billing",),
        over_services(_enable),
        _client_id,
    ),
    Command(
        "delete",
        "delete a client, and end its tokens",
        "Delete a client with its secrets. Its refresh tokens end, and its access tokens are named on the revocation feed.",
        ("auth-server client delete billing --yes",),
        over_services(_delete),
        _delete_arguments,
    ),
)
