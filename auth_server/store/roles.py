"""Roles, the permissions they carry, and who has them."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Column, Connection, ForeignKey, Table, Text, bindparam, delete, select
from sqlalchemy.dialects.postgresql import insert as upsert

from auth_server.store.accounts import ACCOUNT
from auth_server.store.schema import METADATA

ROLE: Final = Table(
    "role",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("description", Text, nullable=False),
)

ROLE_PERMISSION: Final = Table(
    "role_permission",
    METADATA,
    Column("role", Text, ForeignKey("role.name", ondelete="CASCADE"), primary_key=True),
    Column("permission", Text, primary_key=True),
)

ACCOUNT_ROLE: Final = Table(
    "account_role",
    METADATA,
    Column("sub", Text, ForeignKey("account.sub", ondelete="CASCADE"), primary_key=True),
    Column("role", Text, ForeignKey("role.name", ondelete="CASCADE"), primary_key=True, index=True),
)

_CREATE: Final = (
    upsert(ROLE)
    .values(name=bindparam("role_name"), description=bindparam("words"))
    .on_conflict_do_nothing()
    .returning(ROLE.c.name)
)
_DELETE: Final = delete(ROLE).where(ROLE.c.name == bindparam("role_name"))
_EXISTS: Final = select(ROLE.c.name).where(ROLE.c.name == bindparam("role_name"))
_DESCRIPTIONS: Final = select(ROLE.c.name, ROLE.c.description).order_by(ROLE.c.name)
_ALL: Final = select(ROLE.c.name, ROLE_PERMISSION.c.permission).select_from(
    ROLE.outerjoin(ROLE_PERMISSION, ROLE_PERMISSION.c.role == ROLE.c.name)
)
# These two select what they refer to: a role that was deleted a moment ago yields no row, where a foreign key's error would spoil the
# whole unit of work.
_ADD_PERMISSION: Final = (
    upsert(ROLE_PERMISSION)
    .from_select(
        ["role", "permission"],
        select(ROLE.c.name, bindparam("word", type_=Text)).where(ROLE.c.name == bindparam("role_name")),
    )
    .on_conflict_do_nothing()
    .returning(ROLE_PERMISSION.c.role)
)
_GRANT: Final = (
    upsert(ACCOUNT_ROLE)
    .from_select(
        ["sub", "role"],
        select(ACCOUNT.c.sub, ROLE.c.name)
        .select_from(ACCOUNT.join(ROLE, ROLE.c.name == bindparam("role_name")))
        .where(ACCOUNT.c.sub == bindparam("key")),
    )
    .on_conflict_do_nothing()
    .returning(ACCOUNT_ROLE.c.role)
)
_REMOVE_PERMISSION: Final = delete(ROLE_PERMISSION).where(
    ROLE_PERMISSION.c.role == bindparam("role_name"), ROLE_PERMISSION.c.permission == bindparam("word")
)
_REVOKE: Final = delete(ACCOUNT_ROLE).where(ACCOUNT_ROLE.c.sub == bindparam("key"), ACCOUNT_ROLE.c.role == bindparam("role_name"))
_OF: Final = select(ACCOUNT_ROLE.c.role).where(ACCOUNT_ROLE.c.sub == bindparam("key"))
_HOLDERS: Final = (
    select(ACCOUNT_ROLE.c.sub)
    .where(ACCOUNT_ROLE.c.role == bindparam("role_name"))
    .order_by(ACCOUNT_ROLE.c.sub)
    .limit(bindparam("most"))
)


class Roles:
    """Roles within one transaction. A change of what a role carries is announced by the caller: `Transaction.change_directory`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def create(self, name: str, description: str = "") -> bool:
        """Store a role without permissions; False when there is one of that name."""
        return self._connection.execute(_CREATE, {"role_name": name, "words": description}).first() is not None

    def delete(self, name: str) -> bool:
        """Delete a role, from everybody who has it too; False when there is none."""
        return self._connection.execute(_DELETE, {"role_name": name}).rowcount == 1

    def exists(self, name: str) -> bool:
        """Say whether there is a role of that name."""
        return self._connection.execute(_EXISTS, {"role_name": name}).first() is not None

    def all(self) -> dict[str, frozenset[str]]:
        """Return the permissions of every role."""
        collected: dict[str, set[str]] = {}
        for name, permission in self._connection.execute(_ALL):
            collected.setdefault(name, set()).update([] if permission is None else [permission])
        return {name: frozenset(permissions) for name, permissions in collected.items()}

    def descriptions(self) -> dict[str, str]:
        """Return what every role is for, in the order of names."""
        return {row.name: row.description for row in self._connection.execute(_DESCRIPTIONS)}

    def add_permission(self, name: str, permission: str) -> bool:
        """Let a role carry a permission; False when it does already, or there is no such role."""
        row = self._connection.execute(_ADD_PERMISSION, {"role_name": name, "word": permission}).first()
        return row is not None

    def remove_permission(self, name: str, permission: str) -> bool:
        """Take a permission out of a role; False when it was not in it."""
        return self._connection.execute(_REMOVE_PERMISSION, {"role_name": name, "word": permission}).rowcount == 1

    def grant(self, sub: str, name: str) -> bool:
        """Give an account a role; False when it has it already, or there is no such account or role."""
        return self._connection.execute(_GRANT, {"key": sub, "role_name": name}).first() is not None

    def revoke(self, sub: str, name: str) -> bool:
        """Take a role from an account; False when it did not have it."""
        return self._connection.execute(_REVOKE, {"key": sub, "role_name": name}).rowcount == 1

    def of(self, sub: str) -> frozenset[str]:
        """Return the roles of an account."""
        return frozenset(self._connection.execute(_OF, {"key": sub}).scalars())

    def holders(self, name: str, limit: int) -> list[str]:
        """Return up to `limit` accounts (their `sub`) that have a role."""
        return list(self._connection.execute(_HOLDERS, {"role_name": name, "most": limit}).scalars())
