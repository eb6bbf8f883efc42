"""What people allowed clients: scopes, by person, client and resource."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Column, Connection, ForeignKey, Row, Table, Text, delete, select
from sqlalchemy.dialects.postgresql import insert as upsert

from auth_server.store.schema import METADATA, Milliseconds, Words, now_ms

CONSENT: Final = Table(
    "consent",
    METADATA,
    Column("sub", Text, ForeignKey("account.sub", ondelete="CASCADE"), primary_key=True),
    Column("client_id", Text, primary_key=True, index=True),
    # "" for what belongs to no resource: a sign-in alone.
    Column("resource", Text, primary_key=True),
    Column("scope", Words, nullable=False),
    Column("granted_at", Milliseconds, nullable=False),
    Column("changed_at", Milliseconds, nullable=False),
)

_C: Final = CONSENT.c


@dataclass(frozen=True, slots=True)
class Consent:
    """What a person allowed one client at one resource ("" for none). Times in milliseconds."""

    client_id: str
    resource: str
    scope: frozenset[str]
    granted_at: int
    changed_at: int


class Consents:
    """Consents within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def find(self, sub: str, client_id: str, resource: str) -> frozenset[str]:
        """Return the scopes that were allowed; empty when nothing was."""
        query = select(_C.scope).where(_C.sub == sub, _C.client_id == client_id, _C.resource == resource)
        return frozenset(self._connection.execute(query).scalar() or ())

    def add(self, sub: str, client_id: str, resource: str, scope: frozenset[str]) -> None:
        """Allow scopes, beside those that were allowed before. The caller holds the account (`Accounts.lock`)."""
        together = tuple(sorted(scope | self.find(sub, client_id, resource)))
        values = {"sub": sub, "client_id": client_id, "resource": resource, "scope": together}
        statement = upsert(CONSENT).values(**values, granted_at=now_ms(), changed_at=now_ms())
        key = [_C.sub, _C.client_id, _C.resource]
        changed = {"scope": statement.excluded.scope, "changed_at": statement.excluded.changed_at}
        self._connection.execute(statement.on_conflict_do_update(index_elements=key, set_=changed))

    def of(self, sub: str) -> list[Consent]:
        """Return what a person allowed, by client and resource."""
        query = select(CONSENT).where(_C.sub == sub).order_by(_C.client_id, _C.resource)
        return [_consent(row) for row in self._connection.execute(query)]

    def withdraw(self, sub: str, client_id: str) -> bool:
        """Forget everything a person allowed a client; False when there was nothing."""
        return self._connection.execute(delete(CONSENT).where(_C.sub == sub, _C.client_id == client_id)).rowcount > 0


def _consent(row: Row[Any]) -> Consent:
    return Consent(row.client_id, row.resource, frozenset(row.scope), row.granted_at, row.changed_at)
