"""Protected resources, and which of them a token is for (RFC 8707)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from auth_server.protocol.client import Client
from auth_server.protocol.errors import InvalidTarget

ACCOUNT: Final = "account"


@dataclass(frozen=True, slots=True)
class ResourceScope:
    """A scope that a resource offers; `requires_permission` restricts it to people whose roles carry that permission."""

    name: str
    description: str = ""
    requires_permission: str | None = None


@dataclass(frozen=True, slots=True)
class Resource:
    """A protected resource: the API that a token is for.

    `permissions` are those it understands beyond the ones its scopes name. `access_token_lifetime` (seconds) may only shorten the
    server's own. `signing_alg` is the only algorithm its tokens are ever signed with; None leaves it to the client, then to the
    server. `claims` names what its tokens tell of the person beyond the registered claims. `encryption_jwks_uri` is where the resource
    publishes the key that its tokens are encrypted to; None leaves them signed alone.
    """

    identifier: str
    name: str
    scopes: Mapping[str, ResourceScope] = field(default_factory=dict)
    permissions: frozenset[str] = frozenset()
    first_party: bool = True
    access_token_lifetime: int | None = None
    signing_alg: str | None = None
    claims: frozenset[str] = frozenset()
    encryption_jwks_uri: str | None = None

    @property
    def visible_permissions(self) -> frozenset[str]:
        """Return the permissions that tokens for this resource may tell it about.

        A resource learns of a person only what it has a word for: the names of its scopes, what they require, and what it declared.
        """
        required = (scope.requires_permission for scope in self.scopes.values() if scope.requires_permission)
        return self.permissions.union(self.scopes, required)


def is_usable_by(client: Client, resource: Resource) -> bool:
    """Say whether a client may ask for a resource: the built-in one for any first-party resource, others where they may have a scope."""
    if client.is_first_party:
        return resource.first_party
    return resource.identifier == client.default_resource or not client.scope.isdisjoint(resource.scopes)


def usable_by(client: Client, resources: Mapping[str, Resource]) -> dict[str, Resource]:
    """Return the resources a client may ask for."""
    return {identifier: resource for identifier, resource in resources.items() if is_usable_by(client, resource)}


def issuer_as_resource(issuer: str) -> Resource:
    """Return what a token is for that signs somebody in and opens no API: the issuer's own userinfo endpoint.

    Its one scope opens `/api/me` to whoever signs people in for the operator.
    """
    scopes = {ACCOUNT: ResourceScope(ACCOUNT, "Look after your account")}
    return Resource(identifier=issuer, name=issuer, scopes=scopes, first_party=False)


def resource_of_grant(identifier: str | None, client: Client, resources: Mapping[str, Resource], issuer: str) -> Resource:
    """Return the resource that a grant is for, as it is today.

    Args:
        identifier: None, or the issuer's own, for a sign-in alone.

    Raises:
        InvalidTarget: it is not there for this client any more.
    """
    if identifier is None or identifier == issuer:
        return issuer_as_resource(issuer)
    resource = resources.get(identifier)
    if resource is None or not is_usable_by(client, resource):
        raise InvalidTarget("the grant's resource is not there for this client any more")
    return resource


def names(sent: str, identifier: str) -> bool:
    """Say whether a `resource` parameter names a resource: as text, but for the slash that URL libraries put behind a bare origin.

    `https://a.example` and `https://a.example/` are one address (RFC 3986 section 6.2.3), and clients that keep addresses as parsed
    URLs can only send the second. What a token says in `aud` is always the registered text.
    """
    return sent == identifier or (sent == f"{identifier}/" and not urlsplit(identifier).path)


def choose_audience(
    asked: str | None, scope: frozenset[str] | None, client: Client, resources: Mapping[str, Resource], default: str | None
) -> Resource:
    """Return the one resource a token will be for.

    The resource asked for; else the one that owns all the scopes asked for (or, when none were asked, all that the client may have);
    else the default.

    Args:
        asked: the `resource` parameter.
        scope: the scopes asked for, without those that belong to no resource.
        default: the client's default resource; the server's for the first-party client.

    Raises:
        InvalidTarget: unknown, not for this client, or left open with more than one possible.

    Source: RFC 8707 sections 2 and 2.2.
    """
    usable = usable_by(client, resources)
    if asked is not None:
        named = usable.get(asked) or usable.get(asked.removesuffix("/"))
        if named is None or not names(asked, named.identifier):
            raise InvalidTarget("no such resource for this client")
        return named
    if scope or not client.is_first_party:
        wanted = scope or client.scope.intersection(*[{name for r in usable.values() for name in r.scopes}])
        owners = [resource for resource in usable.values() if wanted and wanted <= resource.scopes.keys()]
        if len(owners) == 1 and (scope or default is None):
            return owners[0]
    if default is not None and default in usable:
        return usable[default]
    if client.is_first_party and len(usable) == 1:
        return next(iter(usable.values()))
    raise InvalidTarget("say which resource the token is for")
