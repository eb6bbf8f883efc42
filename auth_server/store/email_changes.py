"""Changes of a mail address that wait to be confirmed, at the new address and, where it was verified, at the old one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, Connection, ForeignKey, Table, Text, bindparam, delete, select, true, update
from sqlalchemy.dialects.postgresql import insert as upsert

from auth_server.store.schema import METADATA, Milliseconds, now_ms

EMAIL_CHANGE: Final = Table(
    "email_change",
    METADATA,
    Column("sub", Text, ForeignKey("account.sub", ondelete="CASCADE"), primary_key=True),
    Column("email", Text, nullable=False),
    Column("email_key", Text, nullable=False),
    Column("old_confirmed", Boolean, nullable=False),
    Column("new_confirmed", Boolean, nullable=False),
    Column("expires_at", Milliseconds, nullable=False, index=True),
)

_E: Final = EMAIL_CHANGE.c
_FIND: Final = select(EMAIL_CHANGE).where(_E.sub == bindparam("key"), _E.expires_at > now_ms())
_END: Final = delete(EMAIL_CHANGE).where(_E.sub == bindparam("key"))
_FORGET: Final = delete(EMAIL_CHANGE).where(_E.sub.in_(select(_E.sub).where(_E.expires_at < now_ms()).limit(bindparam("most"))))


@dataclass(frozen=True, slots=True)
class EmailChange:
    """A change under way. `email` is as it was typed, `email_key` what it is compared by."""

    email: str = field(repr=False)
    email_key: str = field(repr=False)
    old_confirmed: bool
    new_confirmed: bool


class EmailChanges:
    """Changes of mail addresses within one transaction. The caller holds the account (`Accounts.lock`)."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def begin(self, sub: str, change: EmailChange, lifetime_ms: int) -> None:
        """Begin a change, in the place of one that was under way."""
        lasting = now_ms() + bindparam("lifetime_ms", lifetime_ms, type_=BigInteger)
        statement = upsert(EMAIL_CHANGE).values(
            sub=sub,
            email=change.email,
            email_key=change.email_key,
            old_confirmed=change.old_confirmed,
            new_confirmed=change.new_confirmed,
            expires_at=lasting,
        )
        names = ("email", "email_key", "old_confirmed", "new_confirmed", "expires_at")
        replaced = {name: statement.excluded[name] for name in names}
        self._connection.execute(statement.on_conflict_do_update(index_elements=[_E.sub], set_=replaced))

    def find(self, sub: str) -> EmailChange | None:
        """Return the change under way; None when there is none."""
        row = self._connection.execute(_FIND, {"key": sub}).first()
        return None if row is None else EmailChange(row.email, row.email_key, row.old_confirmed, row.new_confirmed)

    def confirm(self, sub: str, *, is_old: bool) -> None:
        """Note that it was confirmed at the old address, or at the new one."""
        column = _E.old_confirmed if is_old else _E.new_confirmed
        self._connection.execute(update(EMAIL_CHANGE).where(_E.sub == sub).values({column: true()}))

    def end(self, sub: str) -> bool:
        """Forget the change; False when there is none."""
        return self._connection.execute(_END, {"key": sub}).rowcount == 1

    def forget(self, limit: int = 500) -> int:
        """Delete up to `limit` changes that were not confirmed in time; return how many."""
        return self._connection.execute(_FORGET, {"most": limit}).rowcount
