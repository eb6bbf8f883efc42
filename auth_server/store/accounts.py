"""Accounts: who a person is, under which names they are found, and whether they may sign in.

A verified address identifies its account and belongs to no other. An unverified one is a claim that anybody can make, so any number
of accounts may hold it and none is ever found by it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Boolean, Column, Connection, Index, Row, Table, Text, bindparam, or_, select, true, update
from sqlalchemy.dialects.postgresql import insert as upsert

from auth_server.store.credentials import PASSWORD_CREDENTIAL
from auth_server.store.schema import METADATA, Milliseconds, now_ms

ACCOUNT: Final = Table(
    "account",
    METADATA,
    Column("sub", Text, primary_key=True),
    Column("username", Text, nullable=False),
    Column("username_key", Text, nullable=False, unique=True),
    Column("email", Text),
    Column("email_key", Text),
    Column("email_verified", Boolean, nullable=False),
    Column("created_at", Milliseconds, nullable=False),
    Column("disabled_at", Milliseconds),
    Column("disabled_reason", Text),
)
_VERIFIED: Final = ACCOUNT.c.email_verified.is_(true())
Index("uq_account_verified_email", ACCOUNT.c.email_key, unique=True, sqlite_where=_VERIFIED, postgresql_where=_VERIFIED)

_BY_SUB: Final = select(ACCOUNT).where(ACCOUNT.c.sub == bindparam("key"))
# NO KEY UPDATE: waits for whoever changes the account, not for those who only refer to it. SQLite has one writer and needs no lock.
_LOCK: Final = _BY_SUB.with_for_update(key_share=True)
_BY_USERNAME: Final = select(ACCOUNT).where(ACCOUNT.c.username_key == bindparam("key"))
_BY_VERIFIED_EMAIL: Final = select(ACCOUNT).where(ACCOUNT.c.email_key == bindparam("key"), _VERIFIED)
# A user name holds no `@` and an address always does, so one key can never mean two accounts.
_BY_NAME: Final = (
    select(ACCOUNT, PASSWORD_CREDENTIAL.c.digest)
    .select_from(ACCOUNT.outerjoin(PASSWORD_CREDENTIAL, PASSWORD_CREDENTIAL.c.sub == ACCOUNT.c.sub))
    .where(
        or_(
            ACCOUNT.c.username_key == bindparam("key"),
            (ACCOUNT.c.email_key == bindparam("key")) & _VERIFIED,
        )
    )
)
_PAGE: Final = (
    select(ACCOUNT).where(ACCOUNT.c.username_key > bindparam("key")).order_by(ACCOUNT.c.username_key).limit(bindparam("most"))
)
_INSERT: Final = (
    upsert(ACCOUNT)
    .values(
        sub=bindparam("sub"),
        username=bindparam("username"),
        username_key=bindparam("username_key"),
        email=bindparam("email"),
        email_key=bindparam("email_key"),
        email_verified=bindparam("email_verified"),
        created_at=now_ms(),
    )
    .on_conflict_do_nothing()
    .returning(ACCOUNT)
)
_DISABLE: Final = (
    update(ACCOUNT)
    .where(ACCOUNT.c.sub == bindparam("key"), ACCOUNT.c.disabled_at.is_(None))
    .values(disabled_at=now_ms(), disabled_reason=bindparam("reason"))
)
_ENABLE: Final = (
    update(ACCOUNT)
    .where(ACCOUNT.c.sub == bindparam("key"), ACCOUNT.c.disabled_at.is_not(None))
    .values(disabled_at=None, disabled_reason=None)
)
_SET_VERIFIED_EMAIL: Final = (
    update(ACCOUNT)
    .where(ACCOUNT.c.sub == bindparam("key"))
    .values(email=bindparam("shown"), email_key=bindparam("folded"), email_verified=true())
)


@dataclass(frozen=True, slots=True)
class Account:
    """A person's account. Times are milliseconds since the epoch, database clock.

    `username` is shown as it was chosen; `email` is the address as it was written and the only one mail may be sent to: the key it is
    found by folds case and look-alikes, so another mailbox may share that key.
    """

    sub: str
    username: str
    email: str | None
    email_verified: bool
    created_at: int
    disabled_at: int | None = None
    disabled_reason: str | None = None

    @property
    def is_disabled(self) -> bool:
        """Say whether nobody may sign in to it."""
        return self.disabled_at is not None


@dataclass(frozen=True, slots=True)
class NewAccount:
    """What an account is made of. The keys are the folded forms that names are compared by."""

    sub: str
    username: str
    username_key: str
    email: str | None
    email_key: str | None
    email_verified: bool


@dataclass(frozen=True, slots=True)
class SignInFacts:
    """An account with the digest of its password; None when it has no password."""

    account: Account
    digest: str | None


class Accounts:
    """Accounts within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def create(self, new: NewAccount) -> Account | None:
        """Store an account; None when the user name, or the verified address, is another account's: then nothing changed."""
        values = {name: getattr(new, name) for name in NewAccount.__dataclass_fields__}
        return _account_or_none(self._connection.execute(_INSERT, values).first())

    def find(self, sub: str) -> Account | None:
        """Return an account, disabled ones too; None when there is none."""
        return _account_or_none(self._connection.execute(_BY_SUB, {"key": sub}).first())

    def lock(self, sub: str) -> Account | None:
        """Return an account as it is now and keep it so until this unit commits.

        Whoever starts something because an account is in order, and whoever ends everything because it no longer is, both hold it:
        otherwise a session could begin behind the back of the act that ends them all.
        """
        return _account_or_none(self._connection.execute(_LOCK, {"key": sub}).first())

    def find_by_username(self, username_key: str) -> Account | None:
        """Return the account with this user name."""
        return _account_or_none(self._connection.execute(_BY_USERNAME, {"key": username_key}).first())

    def find_by_verified_email(self, email_key: str) -> Account | None:
        """Return the account that this address was verified for."""
        return _account_or_none(self._connection.execute(_BY_VERIFIED_EMAIL, {"key": email_key}).first())

    def find_for_sign_in(self, name_key: str) -> SignInFacts | None:
        """Return who signs in with this user name or verified address, in one statement whatever it is."""
        row = self._connection.execute(_BY_NAME, {"key": name_key}).first()
        return None if row is None else SignInFacts(_account(row), row.digest)

    def after(self, username_key: str, limit: int) -> list[Account]:
        """Return up to `limit` accounts behind a user name, in the order of names, for a paged list; "" is before the first."""
        return [_account(row) for row in self._connection.execute(_PAGE, {"key": username_key, "most": limit})]

    def disable(self, sub: str, reason: str) -> bool:
        """Disable an account; False when there is none or it was disabled already."""
        return self._connection.execute(_DISABLE, {"key": sub, "reason": reason}).rowcount == 1

    def enable(self, sub: str) -> bool:
        """Enable a disabled account; False when there is none or it was not disabled."""
        return self._connection.execute(_ENABLE, {"key": sub}).rowcount == 1

    def set_verified_email(self, sub: str, email: str, email_key: str) -> None:
        """Give an account an address that was proved to be its own. The caller holds the account and knows that the address is nobody
        else's; if it became somebody's at this very moment, the unit fails as a whole.
        """
        self._connection.execute(_SET_VERIFIED_EMAIL, {"key": sub, "shown": email, "folded": email_key})


def _account_or_none(row: Row[Any] | None) -> Account | None:
    return None if row is None else _account(row)


def _account(row: Row[Any]) -> Account:
    return Account(
        sub=row.sub,
        username=row.username,
        email=row.email,
        email_verified=row.email_verified,
        created_at=row.created_at,
        disabled_at=row.disabled_at,
        disabled_reason=row.disabled_reason,
    )
