"""Create, change and delete roles; give them to people and take them away.

What is taken away is taken at once: tokens that still carry it are revoked, and their holders get new ones without it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from auth_server.audit.events import EventName
from auth_server.audit.log import record
from auth_server.revocation.feed import Feed
from auth_server.roles.rules import faults
from auth_server.store.store import Store
from auth_server.store.transaction import Transaction

# A role that more people have than this runs out with their tokens instead (minutes): to revoke them all at once would send all of
# them to the token endpoint in the same second.
MAX_REVOKED_HOLDERS: Final = 500


class RoleRefused(ValueError):
    """The role makes no sense; `faults` has a sentence for each reason."""

    def __init__(self, found: Sequence[str]) -> None:
        super().__init__("; ".join(found))
        self.faults = tuple(found)


class UnknownRole(LookupError):
    """There is no such role, or no such account to give it to."""


@dataclass(frozen=True, slots=True)
class Role:
    """A role and what it carries."""

    name: str
    description: str
    permissions: frozenset[str]


class Roles:
    """The roles of this issuer."""

    def __init__(self, *, store: Store, feed: Feed) -> None:
        self._store = store
        self._feed = feed

    async def list(self) -> list[Role]:
        """Return every role, by name.

        Raises:
            StoreUnavailable: the database did not answer.
        """

        def look(tx: Transaction) -> list[Role]:
            permissions = tx.roles.all()
            descriptions = tx.roles.descriptions()
            return [Role(name, text, permissions.get(name, frozenset())) for name, text in descriptions.items()]

        return await self._store.read(look)

    async def create(self, name: str, permissions: Iterable[str] = (), *, description: str = "", actor: str = "operator") -> bool:
        """Store a role; False when there is one of that name, and then nothing about it is changed.

        Raises:
            RoleRefused: the name or a permission is malformed.
            StoreUnavailable: the database did not answer.
        """
        wanted = sorted(set(permissions))
        _refuse_faults(name, wanted)

        def work(tx: Transaction) -> bool:
            if not tx.roles.create(name, description):
                return False
            for permission in wanted:
                tx.roles.add_permission(name, permission)
            tx.change_directory()
            record(tx, EventName.ROLE_CREATED, actor=actor, detail={"role": name, "permissions": " ".join(wanted)})
            return True

        return await self._store.run(work)

    async def add_permission(self, name: str, permission: str, *, actor: str = "operator") -> bool:
        """Let a role carry one more permission; False when it does already. Tokens have it from their next refresh on.

        Raises:
            RoleRefused: the permission is malformed.
            UnknownRole: there is no such role.
            StoreUnavailable: the database did not answer.
        """
        _refuse_faults(name, [permission])

        def work(tx: Transaction) -> bool:
            if not tx.roles.add_permission(name, permission):
                _require_role(tx, name)
                return False
            tx.change_directory()
            record(tx, EventName.ROLE_CHANGED, actor=actor, detail={"role": name, "added": permission})
            return True

        return await self._store.run(work)

    async def remove_permission(self, name: str, permission: str, *, actor: str = "operator") -> bool:
        """Take a permission out of a role; False when it was not in it.

        Raises:
            UnknownRole: there is no such role.
            StoreUnavailable: the database did not answer.
        """

        def work(tx: Transaction) -> bool:
            if not tx.roles.remove_permission(name, permission):
                _require_role(tx, name)
                return False
            self._revoke_tokens(tx, tx.roles.holders(name, MAX_REVOKED_HOLDERS + 1))
            tx.change_directory()
            record(tx, EventName.ROLE_CHANGED, actor=actor, detail={"role": name, "removed": permission})
            return True

        return await self._store.run(work)

    async def delete(self, name: str, *, actor: str = "operator") -> bool:
        """Delete a role, from everybody who has it too; False when there is none.

        Raises:
            StoreUnavailable: the database did not answer.
        """

        def work(tx: Transaction) -> bool:
            holders = tx.roles.holders(name, MAX_REVOKED_HOLDERS + 1)
            if not tx.roles.delete(name):
                return False
            self._revoke_tokens(tx, holders)
            tx.change_directory()
            record(tx, EventName.ROLE_DELETED, actor=actor, detail={"role": name})
            return True

        return await self._store.run(work)

    async def is_taken_at_once(self, name: str) -> bool:
        """Say whether taking something from this role ends the tokens that show it; when more people have it, they run out.

        Raises:
            StoreUnavailable: the database did not answer.
        """
        return len(await self._store.read(lambda tx: tx.roles.holders(name, MAX_REVOKED_HOLDERS + 1))) <= MAX_REVOKED_HOLDERS

    async def of(self, sub: str) -> frozenset[str]:
        """Return the names of the roles that an account has.

        Raises:
            StoreUnavailable: the database did not answer.
        """
        return await self._store.read(lambda tx: tx.roles.of(sub))

    async def grant(self, sub: str, name: str, *, actor: str = "operator") -> bool:
        """Give an account a role; False when it has it already. Tokens have it from their next refresh on.

        Raises:
            UnknownRole: there is no such role or no such account.
            StoreUnavailable: the database did not answer.
        """

        def work(tx: Transaction) -> bool:
            if not tx.roles.grant(sub, name):
                _require_role(tx, name)
                if tx.accounts.find(sub) is None:
                    raise UnknownRole("no such account")
                return False
            record(tx, EventName.ROLE_GRANTED, actor=actor, sub=sub, detail={"role": name})
            return True

        return await self._store.run(work)

    async def revoke(self, sub: str, name: str, *, actor: str = "operator") -> bool:
        """Take a role from an account, and the tokens that carry it; False when it did not have it.

        Raises:
            StoreUnavailable: the database did not answer.
        """

        def work(tx: Transaction) -> bool:
            if not tx.roles.revoke(sub, name):
                return False
            self._feed.revoke_subject(tx, sub)
            record(tx, EventName.ROLE_REVOKED, actor=actor, sub=sub, detail={"role": name})
            return True

        return await self._store.run(work)

    def _revoke_tokens(self, tx: Transaction, holders: Sequence[str]) -> None:
        if len(holders) <= MAX_REVOKED_HOLDERS:
            for sub in holders:
                self._feed.revoke_subject(tx, sub)


def _refuse_faults(name: str, permissions: Sequence[str]) -> None:
    found = faults(name, permissions)
    if found:
        raise RoleRefused(found)


def _require_role(tx: Transaction, name: str) -> None:
    if not tx.roles.exists(name):
        raise UnknownRole(name)
