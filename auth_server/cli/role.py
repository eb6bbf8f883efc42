"""`auth-server role ...`: roles, what they carry, and who has them."""

from __future__ import annotations

import argparse
from typing import Final

from auth_server.cli.command import Answer, Command, CommandFailed, ExitCode, not_found
from auth_server.cli.inputs import add_if_missing, add_page_options, add_user, add_yes, confirm
from auth_server.cli.opened import over_services
from auth_server.cli.parsing import did_you_mean
from auth_server.cli.plain_text import table
from auth_server.cli.user import find_account
from auth_server.revocation.promise import promise
from auth_server.roles.service import Role
from auth_server.services import Services


def _create_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("role", metavar="ROLE")
    parser.add_argument("--description", default="", help="what it is for")
    parser.add_argument("--permission", action="append", default=[], metavar="NAME", help="one that it carries; repeat for more")
    add_if_missing(parser)


async def _create(services: Services, given: argparse.Namespace) -> Answer:
    created = await services.roles.create(given.role, given.permission, description=given.description)
    if not created and not given.if_missing:
        raise CommandFailed(ExitCode.EXISTS, "exists", f"role {given.role} exists already; nothing was changed")
    role = await _found(services, given.role)
    text = f"role {role.name} {'created' if created else 'exists already, left as it is'}"
    return Answer(_described(role) | {"created": created}, text)


async def _list(services: Services, given: argparse.Namespace) -> Answer:
    behind = [role for role in await services.roles.list() if role.name > given.after]
    shown = behind[: given.limit]
    after = shown[-1].name if len(behind) > len(shown) else None
    rows = [(role.name, " ".join(sorted(role.permissions)) or "-", role.description) for role in shown]
    more = f"\n\nmore: auth-server role list --after {after}" if after else ""
    text = table(("ROLE", "PERMISSIONS", "DESCRIPTION"), rows, empty="no roles yet")
    return Answer({"roles": [_described(role) for role in shown], "next": after}, text + more)


def _update_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("role", metavar="ROLE")
    parser.add_argument("--add-permission", action="append", default=[], metavar="NAME", help="repeat for more")
    parser.add_argument("--remove-permission", action="append", default=[], metavar="NAME", help="repeat for more")


async def _update(services: Services, given: argparse.Namespace) -> Answer:
    name = (await _found(services, given.role)).name
    soon = await _how_soon(services, name)
    added = [await services.roles.add_permission(name, permission) for permission in given.add_permission]
    removed = [await services.roles.remove_permission(name, permission) for permission in given.remove_permission]
    role = await _found(services, name)
    carried = " ".join(sorted(role.permissions)) or "nothing"
    changed = any(added + removed)
    told = f"; what was taken out {soon}" if any(removed) else ""
    text = f"role {name} carries {carried}{told if changed else '; nothing was changed'}"
    return Answer(_described(role) | {"changed": changed}, text)


async def _grant(services: Services, given: argparse.Namespace) -> Answer:
    role = await _found(services, given.role)
    account = await find_account(services, given.user)
    changed = await services.roles.grant(account.sub, role.name)
    text = f"{account.username} {'has' if changed else 'had'} the role {role.name}{'' if changed else ' already'}"
    return Answer({"sub": account.sub, "role": role.name, "changed": changed}, text)


async def _revoke(services: Services, given: argparse.Namespace) -> Answer:
    role = await _found(services, given.role)
    account = await find_account(services, given.user)
    changed = await services.roles.revoke(account.sub, role.name)
    soon = f"; it {promise(services.settings.key_policy)}" if changed else ""
    text = f"{account.username} {'no longer has' if changed else 'did not have'} the role {role.name}{soon}"
    return Answer({"sub": account.sub, "role": role.name, "changed": changed}, text)


async def _delete(services: Services, given: argparse.Namespace) -> Answer:
    role = await _found(services, given.role)
    confirm(given, f"deleting role {role.name}, from everybody who has it too,", role.name)
    soon = await _how_soon(services, role.name)
    deleted = await services.roles.delete(role.name)
    return Answer({"role": role.name, "deleted": deleted}, f"role {role.name} deleted; it {soon}")


async def _how_soon(services: Services, name: str) -> str:
    """Return how soon it holds that something is taken from a role; ask before it is taken."""
    bounds = promise(services.settings.key_policy)
    return str(bounds) if await services.roles.is_taken_at_once(name) else bounds.at_expiry()


async def _found(services: Services, name: str) -> Role:
    roles = {role.name: role for role in await services.roles.list()}
    if name not in roles:
        raise not_found(f"there is no role {name}{did_you_mean(name, roles)}")
    return roles[name]


def _described(role: Role) -> dict[str, object]:
    return {"name": role.name, "description": role.description, "permissions": sorted(role.permissions)}


def _role_and_user(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("role", metavar="ROLE")
    add_user(parser)


def _delete_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("role", metavar="ROLE")
    add_yes(parser)


COMMANDS: Final = (
    Command(
        "create",
        "make a role",
        "Make a role with the permissions it carries. A permission is a word that resources know: the name of a scope that requires it, "
        "or one that a resource declares.",
        ("auth-server role create editor --permission notes:read --permission notes:write",),
        over_services(_create),
        _create_arguments,
    ),
    Command(
        "list",
        "list roles",
        "List roles with what they carry.",
        ("auth-server role list",),
        over_services(_list),
        add_page_options,
    ),
    Command(
        "update",
        "change what a role carries",
        "Change what a role carries. What is taken out of it is taken at once: tokens that show it are named on the revocation feed.",
        ("auth-server role update editor --add-permission notes:admin --remove-permission notes:write",),
        over_services(_update),
        _update_arguments,
    ),
    Command(
        "grant",
        "give a role to a person",
        "Give a role to a person. Their tokens have it from the next refresh on.",
        ("auth-server role grant editor alice",),
        over_services(_grant),
        _role_and_user,
    ),
    Command(
        "revoke",
        "take a role from a person",
        "Take a role from a person, at once: tokens that show it are named on the revocation feed.",
        ("auth-server role revoke editor alice",),
        over_services(_revoke),
        _role_and_user,
    ),
    Command(
        "delete",
        "delete a role",
        "Delete a role, from everybody who has it too, and say how soon that holds.",
        ("auth-server role delete editor --yes",),
        over_services(_delete),
        _delete_arguments,
    ),
)
