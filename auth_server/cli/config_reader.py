"""From the text of the declarative file to what it declares. Reads the files it names; knows no database."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from auth_server.accounts.names import parse_email, parse_username
from auth_server.cli import config_fields
from auth_server.cli.client_sign_in import declared_sign_in
from auth_server.cli.client_words import registration_rules_of_operators
from auth_server.cli.command import CommandFailed
from auth_server.cli.config_fields import KINDS, read_tables, unknown_members
from auth_server.cli.config_proofs import declared_proofs
from auth_server.cli.inputs import read_secret
from auth_server.clients.metadata import faults as client_faults
from auth_server.clients.secrets import check_given
from auth_server.protocol.client import Client
from auth_server.protocol.resource import Resource, ResourceScope
from auth_server.protocol.secret import Secret
from auth_server.protocol.user_claims import fault as claims_fault
from auth_server.resources.metadata import faults as resource_faults
from auth_server.roles.rules import faults as role_faults
from auth_server.roles.service import Role

# Argon2id in the PHC string format; the bounds keep a typing error from costing a gigabyte at each sign-in.
_ARGON2ID: Final = re.compile(
    r"\$argon2id\$v=19\$m=(\d{1,6}),t=(\d{1,2}),p=(\d{1,2})\$[A-Za-z0-9+/]{11,86}\$[A-Za-z0-9+/]{22,86}"
)
_MAX_BYTES: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class ClientEntry:
    """A declared client; without a secret a confidential one cannot prove itself until one is made."""

    client: Client
    secret: Secret | None


@dataclass(frozen=True, slots=True)
class UserEntry:
    """A declared account, with a password, the digest of one, or neither."""

    username: str
    email: str | None
    email_verified: bool
    roles: tuple[str, ...]
    password: Secret | None
    password_hash: str | None
    claims: Mapping[str, Any] = field(default_factory=dict)
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Config:
    """What the file declares."""

    resources: tuple[Resource, ...]
    roles: tuple[Role, ...]
    clients: tuple[ClientEntry, ...]
    users: tuple[UserEntry, ...]

    def summary(self) -> str:
        """Return how much of what it declares."""
        return ", ".join(f"{kind}: {len(getattr(self, kind))}" for kind in KINDS)


def read_config(path: Path, faults: list[str], algorithms: Collection[str]) -> Config:
    """Return what a file declares; what is wrong with it is added to `faults`, by place. Files are relative to the file's folder.

    Args:
        algorithms: those the server signs with.
    """
    document = _document(path, faults)
    unknown_members(document, "", dict.fromkeys(KINDS), faults)
    resources = read_tables(document.get("resources", []), "resources", config_fields.RESOURCE, faults)
    roles = read_tables(document.get("roles", []), "roles", config_fields.ROLE, faults)
    clients = read_tables(document.get("clients", []), "clients", config_fields.CLIENT, faults)
    users = read_tables(document.get("users", []), "users", config_fields.USER, faults)
    for kind, key, rows in (
        ("resources", "identifier", resources),
        ("roles", "name", roles),
        ("clients", "client_id", clients),
        ("users", "username", users),
    ):
        _refuse_twice([row[key] for row in rows], kind, key, faults)
    folder = path.parent
    return Config(
        tuple(_resource(row, f"resources[{number}]", faults, algorithms) for number, row in enumerate(resources)),
        tuple(_role(row, f"roles[{number}]", faults) for number, row in enumerate(roles)),
        tuple(_client(row, f"clients[{number}]", folder, faults, algorithms) for number, row in enumerate(clients)),
        tuple(_user(row, f"users[{number}]", folder, faults) for number, row in enumerate(users)),
    )


def _document(path: Path, faults: list[str]) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            return tomllib.loads(file.read(_MAX_BYTES).decode("utf-8"))
    except OSError as error:
        faults.append(f"cannot be read: {error.strerror}")
    except UnicodeDecodeError:
        faults.append("is not UTF-8 text")
    except tomllib.TOMLDecodeError as error:
        faults.append(f"is not TOML: {error}")
    return {}


def _refuse_twice(names: Iterable[str], kind: str, key: str, faults: list[str]) -> None:
    seen: dict[str, int] = {}
    for number, name in enumerate(names):
        if name and seen.setdefault(name, number) != number:
            faults.append(f"{kind}[{number}].{key}: {name} is declared at {kind}[{seen[name]}] already")


def _resource(row: dict[str, Any], place: str, faults: list[str], algorithms: Collection[str]) -> Resource:
    scopes = read_tables(row["scopes"], f"{place}.scopes", config_fields.SCOPE, faults)
    _refuse_twice([scope["name"] for scope in scopes], f"{place}.scopes", "name", faults)
    resource = Resource(
        identifier=row["identifier"],
        name=row["name"] or row["identifier"],
        scopes={scope["name"]: ResourceScope(**scope) for scope in scopes if scope["name"]},
        permissions=frozenset(row["permissions"]),
        first_party=row["first_party"],
        access_token_lifetime=row["access_token_lifetime"],
        signing_alg=row["signing_alg"],
        claims=frozenset(row["claims"]),
        encryption_jwks_uri=row["encryption_jwks_uri"],
    )
    _add(faults, place, resource_faults(resource, algorithms) if resource.identifier else [])
    return resource


def _role(row: dict[str, Any], place: str, faults: list[str]) -> Role:
    role = Role(row["name"], row["description"], frozenset(row["permissions"]))
    _add(faults, place, role_faults(role.name, role.permissions) if role.name else [])
    return role


def _client(row: dict[str, Any], place: str, folder: Path, faults: list[str], algorithms: Collection[str]) -> ClientEntry:
    client = Client(
        client_id=row["client_id"],
        name=row["name"] or row["client_id"],
        auth_method=row["auth_method"],
        grants=frozenset(row["grants"]),
        scope=row["scope"],
        default_resource=row["default_resource"],
        redirect_uris=row["redirect_uris"],
        post_logout_redirect_uris=row["post_logout_redirect_uris"],
        rotates_refresh_tokens=row["rotate_refresh_tokens"],
        signing_alg=row["signing_alg"],
        **declared_proofs(row, place, folder, faults),
        **declared_sign_in(row),
    )
    _add(faults, place, client_faults(client, registration_rules_of_operators(), algorithms) if client.client_id else [])
    secret = _secret(row["secret_file"], f"{place}.secret_file", folder, faults)
    if secret is not None:
        if not client.has_secret:
            faults.append(f"{place}.secret_file: {client.kind} has no secret")
        try:
            check_given(secret)
        except ValueError as error:
            faults.append(f"{place}.secret_file: {error}")
    return ClientEntry(client, secret)


def _user(row: dict[str, Any], place: str, folder: Path, faults: list[str]) -> UserEntry:
    for member, parse in (("username", parse_username), ("email", parse_email)):
        try:
            if row[member]:
                parse(row[member])
        except ValueError as error:
            faults.append(f"{place}.{member}: {error}")
    if row["email_verified"] and not row["email"]:
        faults.append(f"{place}.email_verified: there is no email to be verified")
    if row["password_file"] and row["password_hash"]:
        faults.append(f"{place}: password_file and password_hash are both there; keep one")
    if row["password_hash"] and not _ARGON2ID.fullmatch(row["password_hash"]):
        faults.append(f"{place}.password_hash: must be $argon2id$v=19$m=...,t=...,p=...$SALT$DIGEST, m below 1000000")
    if (wrong := claims_fault(row["claims"], row["groups"])) is not None:
        faults.append(f"{place}.claims: {wrong}")
    password = _secret(row["password_file"], f"{place}.password_file", folder, faults)
    return UserEntry(
        username=row["username"],
        email=row["email"],
        email_verified=row["email_verified"],
        roles=row["roles"],
        password=password,
        password_hash=row["password_hash"],
        claims=row["claims"],
        groups=row["groups"],
    )


def _secret(name: str | None, place: str, folder: Path, faults: list[str]) -> Secret | None:
    if name is None:
        return None
    try:
        return read_secret(str(folder / name))
    except CommandFailed as failure:
        _add(faults, place, failure.sentences)
        return None


def _add(faults: list[str], place: str, found: Iterable[str]) -> None:
    faults += [f"{place}: {fault}" for fault in found]
