"""What a person's account says of them beyond name and address: standard claims, custom claims, groups."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Column, Connection, ForeignKey, Table, Text, select
from sqlalchemy.dialects.postgresql import insert as upsert

from auth_server.store.schema import METADATA, Milliseconds, Words, now_ms

ACCOUNT_CLAIMS: Final = Table(
    "account_claims",
    METADATA,
    Column("sub", Text, ForeignKey("account.sub", ondelete="CASCADE"), primary_key=True),
    Column("claims", Text, nullable=False),
    Column("groups", Words, nullable=False),
    Column("updated_at", Milliseconds, nullable=False),
)


@dataclass(frozen=True, slots=True)
class AccountClaims:
    """Claims by name, as JSON values; groups, sorted; `updated_at` in milliseconds."""

    claims: dict[str, Any] = field(default_factory=dict)
    groups: tuple[str, ...] = ()
    updated_at: int | None = None


class ClaimsOfAccounts:
    """Claims of accounts within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def find(self, sub: str) -> AccountClaims:
        """Return what is known of a person; nothing when nothing was ever said."""
        row = self._connection.execute(select(ACCOUNT_CLAIMS).where(ACCOUNT_CLAIMS.c.sub == sub)).first()
        return AccountClaims() if row is None else AccountClaims(json.loads(row.claims), tuple(row.groups), row.updated_at)

    def set(self, sub: str, claims: dict[str, Any], groups: tuple[str, ...]) -> None:
        """Put these in the place of all that was known. The caller holds the account (`Accounts.lock`)."""
        text = json.dumps(claims, separators=(",", ":"), ensure_ascii=True, sort_keys=True)
        statement = upsert(ACCOUNT_CLAIMS).values(sub=sub, claims=text, groups=tuple(sorted(set(groups))), updated_at=now_ms())
        changed = {name: statement.excluded[name] for name in ("claims", "groups", "updated_at")}
        self._connection.execute(statement.on_conflict_do_update(index_elements=[ACCOUNT_CLAIMS.c.sub], set_=changed))
