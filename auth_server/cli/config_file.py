"""The declarative file that AUTH_SERVER_CONFIG names: what should be there, and creating what is missing.

1. The file is read whole and every fault is told at once, by its place; with any fault nothing is created.
2. What is missing is created: resources, roles, clients, users, in this order.
3. What exists is never changed and never deleted, whatever the file says about it.

Several servers may start at once with one file: each creation is a single statement that only one of them wins.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from auth_server.accounts.claims import change_claims
from auth_server.accounts.names import parse_email
from auth_server.accounts.passwords import Passwords
from auth_server.cli.client_words import registration_rules_of_operators
from auth_server.cli.command import CommandFailed, ExitCode
from auth_server.cli.config_reader import ClientEntry, Config, UserEntry, read_config
from auth_server.cli.parsing import did_you_mean
from auth_server.clients.service import RegistrationRefused
from auth_server.services import Services
from shared import jose

_LOG: Final = logging.getLogger("auth_server")


class ConfigRefused(CommandFailed):
    """The file holds faults; `sentences` has one for each. None of them repeats a secret."""

    def __init__(self, path: Path, faults: Iterable[str]) -> None:
        super().__init__(ExitCode.SETTINGS, "config", *(f"{path}: {fault}" for fault in faults))


@dataclass(frozen=True, slots=True)
class Created:
    """One thing that was missing and is there now."""

    kind: str
    name: str


def load_config(path: Path, algorithms: Collection[str] = jose.ALGORITHMS) -> Config:
    """Read the file and the files it names.

    Args:
        algorithms: those the server signs with.

    Raises:
        ConfigRefused: with every fault at once.
    """
    faults: list[str] = []
    config = read_config(path, faults, algorithms)
    if faults:
        raise ConfigRefused(path, faults)
    return config


async def apply_config(services: Services, path: Path) -> list[Created]:
    """Create what the file declares and the database lacks; return what was created, and log each as `config.created`.

    Raises:
        ConfigRefused: the file holds faults; nothing was created.
        StoreUnavailable: the database did not answer; what was created before stays, and the next start goes on.
    """
    config = load_config(path, services.settings.signing_algorithms)
    if faults := await _faults(services, config):
        raise ConfigRefused(path, faults)
    created: list[Created] = []

    async def create(kind: str, name: str, made: Awaitable[bool]) -> None:
        if await made:
            created.append(Created(kind, name))
            _LOG.info("config.created", extra={"fields": {"kind": kind, "name": name}})

    for resource in config.resources:
        await create("resource", resource.identifier, services.resources.create(resource, actor="config"))
    for role in config.roles:
        made = services.roles.create(role.name, role.permissions, description=role.description, actor="config")
        await create("role", role.name, made)
    for entry in config.clients:
        await create("client", entry.client.client_id, _create_client(services, entry))
    for user in config.users:
        await create("user", user.username, _create_user(services, user))
    return created


async def _create_client(services: Services, entry: ClientEntry) -> bool:
    client, rules = entry.client, registration_rules_of_operators()
    if await services.clients.find(client.client_id) is not None:
        return False
    if entry.secret is None:
        return await services.clients.register_without_secret(client, rules, actor="config")
    try:
        await services.clients.register(client, rules, entry.secret, actor="config")
    except RegistrationRefused:
        if await services.clients.find(client.client_id) is None:
            raise
        return False  # another server created it at the same moment
    return True


async def _create_user(services: Services, user: UserEntry) -> bool:
    created = await services.registration.create_by_operator(
        username=user.username,
        password=None if user.password is None else user.password.reveal(),
        email=user.email,
        email_verified=user.email_verified,
        roles=user.roles,
        actor="config",
    )
    digest, sub = user.password_hash, created.account.sub
    if created.is_new and (user.claims or user.groups):
        await services.store.run(lambda tx: change_claims(tx, sub, claims=user.claims, groups=user.groups, actor="config"))
    if created.is_new and digest is not None:
        await services.store.run(lambda tx: tx.credentials.set_digest(sub, digest))
    return created.is_new


async def _faults(services: Services, config: Config) -> list[str]:
    """Return what is wrong with the file in the light of what is there already."""
    resources = {*await services.resources.all(), *(resource.identifier for resource in config.resources)}
    roles = {*(role.name for role in await services.roles.list()), *(role.name for role in config.roles)}
    faults = []
    for number, entry in enumerate(config.clients):
        default = entry.client.default_resource
        if default is not None and default not in resources:
            faults.append(f"clients[{number}].default_resource: there is no resource {default}{did_you_mean(default, resources)}")
    for number, user in enumerate(config.users):
        unknown = [role for role in user.roles if role not in roles]
        faults += [f"users[{number}].roles: there is no role {role}{did_you_mean(role, roles)}" for role in unknown]
        faults += [f"users[{number}].{fault}" for fault in await _user_faults(services, user)]
    return faults


async def _user_faults(services: Services, user: UserEntry) -> list[str]:
    if await services.administration.find(user.username) is not None:
        return []  # it will be left as it is, so nothing about it can be wrong
    faults = []
    if user.email is not None and user.email_verified:
        key = parse_email(user.email).key
        if await services.store.read(lambda tx: tx.accounts.find_by_verified_email(key)) is not None:
            faults.append("email: is verified for another account")
    if user.password is not None:
        passwords = Passwords(services.password_pool, issuer=services.settings.issuer)
        reasons = await passwords.faults(user.password.reveal(), names=(user.username, user.email))
        faults += [f"password_file: the password cannot be used: {reason}" for reason in reasons]
    return faults
