"""Protected resources and the scopes they offer."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Boolean, Column, Connection, ForeignKey, Integer, Row, Table, Text, delete, insert, select
from sqlalchemy.dialects.postgresql import insert as upsert

from auth_server.protocol.resource import Resource, ResourceScope
from auth_server.store.schema import METADATA, Milliseconds, Words, now_ms

RESOURCE: Final = Table(
    "resource",
    METADATA,
    Column("identifier", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("permissions", Words, nullable=False),
    Column("first_party", Boolean, nullable=False),
    Column("access_token_lifetime", Integer),
    Column("signing_alg", Text),
    Column("claims", Words),
    Column("encryption_jwks_uri", Text),
    Column("created_at", Milliseconds, nullable=False),
)

RESOURCE_SCOPE: Final = Table(
    "resource_scope",
    METADATA,
    Column("resource", Text, ForeignKey("resource.identifier", ondelete="CASCADE"), primary_key=True),
    Column("name", Text, primary_key=True),
    Column("description", Text, nullable=False),
    Column("requires_permission", Text),
)


class Resources:
    """Resources within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def all(self) -> dict[str, Resource]:
        """Return every resource by its identifier."""
        scopes: dict[str, list[Row[Any]]] = {}
        for row in self._connection.execute(select(RESOURCE_SCOPE).order_by(RESOURCE_SCOPE.c.name)):
            scopes.setdefault(row.resource, []).append(row)
        rows = self._connection.execute(select(RESOURCE).order_by(RESOURCE.c.identifier))
        return {row.identifier: _resource(row, scopes.get(row.identifier, [])) for row in rows}

    def create(self, resource: Resource) -> bool:
        """Store a resource with its scopes; False when the identifier is taken, and then nothing changes."""
        statement = upsert(RESOURCE).values(
            identifier=resource.identifier,
            name=resource.name,
            permissions=tuple(sorted(resource.permissions)),
            first_party=resource.first_party,
            access_token_lifetime=resource.access_token_lifetime,
            signing_alg=resource.signing_alg,
            claims=tuple(sorted(resource.claims)),
            encryption_jwks_uri=resource.encryption_jwks_uri,
            created_at=now_ms(),
        )
        if self._connection.execute(statement.on_conflict_do_nothing().returning(RESOURCE.c.identifier)).first() is None:
            return False
        if resource.scopes:
            self._connection.execute(insert(RESOURCE_SCOPE), [_scope_row(resource, scope) for scope in resource.scopes.values()])
        return True

    def delete(self, identifier: str) -> bool:
        """Delete a resource and its scopes; False when there is none."""
        return self._connection.execute(delete(RESOURCE).where(RESOURCE.c.identifier == identifier)).rowcount == 1


def _scope_row(resource: Resource, scope: ResourceScope) -> dict[str, Any]:
    return {
        "resource": resource.identifier,
        "name": scope.name,
        "description": scope.description,
        "requires_permission": scope.requires_permission,
    }


def _resource(row: Row[Any], scopes: list[Row[Any]]) -> Resource:
    return Resource(
        identifier=row.identifier,
        name=row.name,
        scopes={s.name: ResourceScope(s.name, s.description, s.requires_permission) for s in scopes},
        permissions=frozenset(row.permissions),
        first_party=row.first_party,
        access_token_lifetime=row.access_token_lifetime,
        signing_alg=row.signing_alg,
        claims=frozenset(row.claims or ()),
        encryption_jwks_uri=row.encryption_jwks_uri,
    )
