"""What a person's account says of them beyond name and address: standard claims, custom claims, groups."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Final, cast

from sqlalchemy import Column, Connection, ForeignKey, Row, Table, Text, select
from sqlalchemy.dialects.postgresql import insert as upsert

from auth_server.protocol.user_claims import known_of
from auth_server.store.accounts import ACCOUNT
from auth_server.store.schema import METADATA, Milliseconds, Words, now_ms

ACCOUNT_CLAIMS: Final = Table(
    "account_claims",
    METADATA,
    Column("sub", Text, ForeignKey("account.sub", ondelete="CASCADE"), primary_key=True),
    Column("claims", Text, nullable=False),
    Column("groups", Words, nullable=False),
    Column("updated_at", Milliseconds, nullable=False),
)


# What a statement that joins `account` (and `account_claims` from outside) selects, so that `person_of` can read it.
PERSON: Final = (
    ACCOUNT.c.username.label("person_username"),
    ACCOUNT.c.email.label("person_email"),
    ACCOUNT.c.email_verified.label("person_email_verified"),
    ACCOUNT.c.created_at.label("person_created_at"),
    ACCOUNT_CLAIMS.c.claims.label("person_claims"),
    ACCOUNT_CLAIMS.c.groups.label("person_groups"),
    ACCOUNT_CLAIMS.c.updated_at.label("person_updated_at"),
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

    def known_of(self, sub: str) -> dict[str, Any] | None:
        """Return everything that is known of a person, by claim name; None when there is no such account, or it is disabled."""
        joined = ACCOUNT.outerjoin(ACCOUNT_CLAIMS, ACCOUNT_CLAIMS.c.sub == ACCOUNT.c.sub)
        query = select(*PERSON).select_from(joined).where(ACCOUNT.c.sub == sub, ACCOUNT.c.disabled_at.is_(None))
        row = self._connection.execute(query).first()
        return None if row is None else person_of(cast("Row[Any]", row))  # a row of these very columns


def person_of(row: Row[Any]) -> dict[str, Any]:
    """Return everything that is known of a person, by claim name, from a row that selected `PERSON`."""
    return known_of(
        username=row.person_username,
        email=row.person_email,
        email_verified=row.person_email_verified,
        stored=json.loads(row.person_claims) if row.person_claims else {},
        groups=row.person_groups or (),
        updated_at=(row.person_updated_at or row.person_created_at) // 1000,
    )
