"""Builders: a whole value out of what a test is about; everything else is ordinary and does not show."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any, Final

from auth_server.protocol.authorization import Authorization, SignIn
from auth_server.protocol.client import Client, ClientSecret
from auth_server.protocol.directory import Directory
from auth_server.protocol.form import Form
from auth_server.protocol.refresh import Family, RefreshToken, spell
from auth_server.protocol.resource import Resource, ResourceScope
from auth_server.store.refresh_tokens import FamilyFacts
from auth_server.web.request_facts import RequestFacts

NOW: Final = 1_800_000_000
NOW_MS: Final = NOW * 1000
NOTES: Final = "http://localhost:8001"
SECRET: Final = "the-secret-of-a-client-in-a-test-0123456789"
MAC_KEY: Final = bytes(range(32))
FACTS: Final = RequestFacts(address="192.0.2.7", request_id="request-of-a-test")
FAMILY_ID: Final = bytes(range(16))


def a_client(client_id: str = "app", *, secret: str | None = SECRET, **changes: Any) -> Client:
    """A confidential client that proves itself in the header and may use every grant."""
    members: dict[str, Any] = {
        "name": client_id,
        "auth_method": "client_secret_basic",
        "grants": frozenset({"client_credentials", "refresh_token"}),
        "scope": frozenset({"notes:read", "notes:write", "offline_access"}),
        "secrets": () if secret is None else (ClientSecret(digest_of(secret)),),
    }
    return Client(client_id=client_id, **(members | changes))


def a_public_client(client_id: str = "spa", **changes: Any) -> Client:
    """A client without a secret, whose refresh tokens rotate."""
    return a_client(client_id, **{"secret": None, "auth_method": "none", "grants": frozenset({"refresh_token"}), **changes})


def a_resource(
    identifier: str = NOTES,
    *,
    scopes: Iterable[str] = ("notes:read", "notes:write"),
    requires: Mapping[str, str] | None = None,
    **changes: Any,
) -> Resource:
    """A protected resource; `requires` maps a scope to the permission it needs."""
    needed = {"notes:write": "notes:write"} if requires is None else requires
    offered = {name: ResourceScope(name, f"You may {name}", needed.get(name)) for name in scopes}
    return Resource(**{"identifier": identifier, "name": identifier, "scopes": offered, **changes})


def a_directory(*resources: Resource, permissions_of: Mapping[str, Iterable[str]] | None = None) -> Directory:
    """A look at resources (the notes alone, when none are given) and roles."""
    roles = {"editor": ("notes:read", "notes:write"), "reader": ("notes:read",)} if permissions_of is None else permissions_of
    return Directory(
        {resource.identifier: resource for resource in resources or (a_resource(),)},
        {role: frozenset(permissions) for role, permissions in roles.items()},
    )


def a_token(
    seq: int = 0, *, secret: int = 0, family_id: bytes = FAMILY_ID, mac_key: bytes = MAC_KEY, mac_kid: int = 0
) -> RefreshToken:
    """A genuine refresh token of generation `seq`; equal arguments give equal tokens."""
    made = hashlib.sha256(f"{seq}/{secret}".encode()).digest()
    return spell(mac_kid=mac_kid, mac_key=mac_key, family_id=family_id, seq=seq, secret=made)


def a_family(seq: int = 0, **changes: Any) -> Family:
    """A living family of `spa` at generation `seq`, whose tokens are those of `a_token`."""
    members: dict[str, Any] = {
        "id": FAMILY_ID,
        "client_id": "spa",
        "sub": "alice",
        "sid": None,
        "scope": frozenset({"notes:read", "notes:write"}),
        "resource": NOTES,
        "seq": seq,
        "cur_hash": a_token(seq).digest,
        "prev_hash": a_token(seq - 1).digest if seq else None,
        "rotated_at": NOW_MS,
        "issued_at": NOW_MS,
        "cur_seen": False,
        "has_successor": seq > 0,
        "replay_count": 0,
        "idle_expires_at": NOW_MS + 14 * 86_400_000,
        "absolute_expires_at": NOW_MS + 90 * 86_400_000,
        "revoked_at": None,
        "auth_time": NOW - 60,
        "acr": "1",
        "amr": ("pwd",),
    }
    return Family(**(members | changes))


def family_facts(family: Family | None = None, **changes: Any) -> FamilyFacts:
    """A family with a living account and session, an editor's."""
    members: dict[str, Any] = {
        "family": family or a_family(),
        "account_live": True,
        "session_live": True,
        "roles": frozenset({"editor"}),
        "now_ms": NOW_MS,
    }
    return FamilyFacts(**(members | changes))


def an_authorization(**changes: Any) -> Authorization:
    """What a grant concluded for alice at the notes, through `app`."""
    members: dict[str, Any] = {
        "client": a_client(),
        "subject": "alice",
        "resource": a_resource(),
        "scope": frozenset({"notes:read"}),
        "sign_in": SignIn(auth_time=NOW - 60, acr="1", amr=("pwd",), sid=None),
    }
    return Authorization(**(members | changes))


def a_form(**parameters: str) -> Form:
    """The parsed parameters of a request."""
    return Form(dict(parameters))


def digest_of(secret: str) -> bytes:
    """What is stored of a client secret."""
    return hashlib.sha256(secret.encode()).digest()
