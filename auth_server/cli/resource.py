"""`auth-server resource ...`: protected resources, the APIs that tokens are for."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Final

from auth_server.cli.command import Answer, Command, CommandFailed, ExitCode, not_found, usage
from auth_server.cli.inputs import add_if_missing, add_page_options, add_yes, confirm
from auth_server.cli.opened import over_services
from auth_server.cli.parsing import did_you_mean
from auth_server.cli.plain_text import fields, table
from auth_server.cli.signing_words import add_signing_alg, notes_on_algorithm
from auth_server.protocol.resource import Resource, ResourceScope
from auth_server.services import Services


def _create_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--identifier", required=True, metavar="URL", help="what `aud` says, compared as text")
    parser.add_argument("--name", default="", help="what people are shown (default: the identifier)")
    parser.add_argument("--scope", action="append", default=[], metavar="NAME=MEANING", help="a scope it offers; repeat for more")
    parser.add_argument(
        "--requires-permission",
        action="append",
        default=[],
        metavar="SCOPE[=PERMISSION]",
        help="grant this scope only to people whose roles carry the permission (default: of the scope's own name)",
    )
    parser.add_argument("--permission", action="append", default=[], metavar="NAME", help="one more that its tokens may show")
    parser.add_argument(
        "--claim", action="append", default=[], metavar="NAME", help="a claim of people its tokens tell; repeat for more"
    )
    parser.add_argument("--no-first-party", action="store_true", help="not for people who sign in at POST /api/login")
    parser.add_argument("--access-token-lifetime", type=int, metavar="SECONDS", help="shorter than the server's own")
    add_signing_alg(parser, "the client's, else the server's")
    parser.add_argument(
        "--encryption-jwks-uri",
        metavar="URL",
        help="encrypt its tokens to the key that it publishes here (default: signed alone)",
    )
    add_if_missing(parser)


async def _create(services: Services, given: argparse.Namespace) -> Answer:
    resource = Resource(
        identifier=given.identifier,
        name=given.name or given.identifier,
        scopes=_scopes(given.scope, given.requires_permission),
        permissions=frozenset(given.permission),
        first_party=not given.no_first_party,
        access_token_lifetime=given.access_token_lifetime,
        signing_alg=given.signing_alg,
        claims=frozenset(given.claim),
        encryption_jwks_uri=given.encryption_jwks_uri,
    )
    if await services.resources.create(resource):
        notes = await notes_on_algorithm(services, resource.signing_alg)
        return Answer(_described(resource) | {"created": True}, f"resource {resource.identifier} created", notes)
    if not given.if_missing:
        raise CommandFailed(ExitCode.EXISTS, "exists", f"resource {resource.identifier} exists already; nothing was changed")
    existing = await _found(services, resource.identifier)
    return Answer(_described(existing) | {"created": False}, f"resource {resource.identifier} exists already, left as it is")


def _scopes(described: Sequence[str], restricted: Sequence[str]) -> dict[str, ResourceScope]:
    meanings = {name: meaning for name, _, meaning in (text.partition("=") for text in described)}
    if len(meanings) < len(described):
        raise usage("--scope names one scope twice")
    required = {}
    for text in restricted:
        name, _, permission = text.partition("=")
        if name not in meanings:
            raise usage(f"--requires-permission {text}: {name} is no scope of this resource{did_you_mean(name, meanings)}")
        required[name] = permission or name
    return {name: ResourceScope(name, meaning, required.get(name)) for name, meaning in meanings.items()}


async def _list(services: Services, given: argparse.Namespace) -> Answer:
    every = sorted((await services.resources.all()).values(), key=lambda resource: resource.identifier)
    behind = [resource for resource in every if resource.identifier > given.after]
    shown = behind[: given.limit]
    after = shown[-1].identifier if len(behind) > len(shown) else None
    rows = [(r.identifier, r.name, "yes" if r.first_party else "no", " ".join(r.scopes)) for r in shown]
    text = table(("RESOURCE", "NAME", "FIRST-PARTY", "SCOPES"), rows, empty="no resources yet")
    more = f"\n\nmore: auth-server resource list --after {after}" if after else ""
    return Answer({"resources": [_described(resource) for resource in shown], "next": after}, text + more)


async def _show(services: Services, given: argparse.Namespace) -> Answer:
    resource = await _found(services, given.identifier)
    lifetime = "the server's" if resource.access_token_lifetime is None else f"{resource.access_token_lifetime} s"
    about = fields(
        [
            ("identifier", resource.identifier),
            ("name", resource.name),
            ("first-party", "yes" if resource.first_party else "no"),
            ("token lifetime", lifetime),
            ("signing algorithm", resource.signing_alg or "the client's, else the server's"),
            ("encrypted to", resource.encryption_jwks_uri or "nobody: signed alone"),
            ("permissions told", " ".join(sorted(resource.visible_permissions)) or "none"),
        ]
    )
    rows = [(scope.name, scope.requires_permission or "-", scope.description) for scope in resource.scopes.values()]
    notes = await notes_on_algorithm(services, resource.signing_alg)
    return Answer(_described(resource), f"{about}\n\n{table(('SCOPE', 'REQUIRES', 'MEANING'), rows, empty='no scopes')}", notes)


async def _delete(services: Services, given: argparse.Namespace) -> Answer:
    resource = await _found(services, given.identifier)
    confirm(given, f"deleting resource {resource.identifier}", resource.identifier)
    deleted = await services.resources.delete(resource.identifier)
    lifetime = resource.access_token_lifetime or services.settings.key_policy.access_token_lifetime
    text = f"resource {resource.identifier} deleted; tokens for it live on for at most {lifetime:g} s"
    return Answer({"identifier": resource.identifier, "deleted": deleted}, text)


async def _found(services: Services, identifier: str) -> Resource:
    resources = await services.resources.all()
    if identifier not in resources:
        raise not_found(f"there is no resource {identifier}{did_you_mean(identifier, resources)}")
    return resources[identifier]


def _described(resource: Resource) -> dict[str, object]:
    scopes = [
        {"name": scope.name, "description": scope.description, "requires_permission": scope.requires_permission}
        for scope in resource.scopes.values()
    ]
    return {
        "identifier": resource.identifier,
        "name": resource.name,
        "first_party": resource.first_party,
        "scopes": scopes,
        "permissions": sorted(resource.permissions),
        "access_token_lifetime": resource.access_token_lifetime,
        "signing_alg": resource.signing_alg,
        "claims": sorted(resource.claims),
        "encryption_jwks_uri": resource.encryption_jwks_uri,
    }


def _identifier(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("identifier", metavar="URL")


def _delete_arguments(parser: argparse.ArgumentParser) -> None:
    _identifier(parser)
    add_yes(parser)


COMMANDS: Final = (
    Command(
        "create",
        "describe an API that tokens are for",
        "Describe an API that tokens are for. Its identifier is what tokens say in `aud` and what the API itself must be told.",
        (
            'auth-server resource create --identifier http://localhost:8001 --scope "notes:read=Read your notes" \\',
            '      --scope "notes:write=Change your notes" --requires-permission notes:write',
        ),
        over_services(_create),
        _create_arguments,
    ),
    Command(
        "list",
        "list resources",
        "List resources in the order of their identifiers, page by page.",
        ("auth-server resource list",),
        over_services(_list),
        add_page_options,
    ),
    Command(
        "show",
        "show one resource",
        "Show a resource with its scopes, and which of people's permissions its tokens tell it.",
        ("auth-server resource show http://localhost:8001",),
        over_services(_show),
        _identifier,
    ),
    Command(
        "delete",
        "delete a resource",
        "Delete a resource with its scopes. No new tokens are made for it; those that are out live until they expire.",
        ("auth-server resource delete http://localhost:8001 --yes",),
        over_services(_delete),
        _delete_arguments,
    ),
)
