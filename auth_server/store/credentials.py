"""What people prove themselves with: password digests."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Column, Connection, ForeignKey, Table, Text, bindparam, delete, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from auth_server.store.schema import METADATA, Milliseconds, now_ms

PASSWORD_CREDENTIAL: Final = Table(
    "password_credential",
    METADATA,
    Column("sub", Text, ForeignKey("account.sub", ondelete="CASCADE"), primary_key=True),
    Column("digest", Text, nullable=False),
    Column("changed_at", Milliseconds, nullable=False),
)

_DIGEST: Final = select(PASSWORD_CREDENTIAL.c.digest).where(PASSWORD_CREDENTIAL.c.sub == bindparam("key"))
_NEW: Final = upsert(PASSWORD_CREDENTIAL).values(sub=bindparam("key"), digest=bindparam("new"), changed_at=now_ms())
_SET: Final = _NEW.on_conflict_do_update(
    index_elements=[PASSWORD_CREDENTIAL.c.sub], set_={"digest": _NEW.excluded.digest, "changed_at": _NEW.excluded.changed_at}
)
# A digest made anew of the same password is no change of the password, so `changed_at` stays.
_REHASH: Final = (
    update(PASSWORD_CREDENTIAL)
    .where(PASSWORD_CREDENTIAL.c.sub == bindparam("key"), PASSWORD_CREDENTIAL.c.digest == bindparam("old"))
    .values(digest=bindparam("new"))
)
_FORGET: Final = delete(PASSWORD_CREDENTIAL).where(PASSWORD_CREDENTIAL.c.sub == bindparam("key"))


class Credentials:
    """Password digests within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def digest(self, sub: str) -> str | None:
        """Return the digest of an account's password; None when it has none."""
        digest: str | None = self._connection.execute(_DIGEST, {"key": sub}).scalar()
        return digest

    def set_digest(self, sub: str, digest: str) -> None:
        """Give an account a password, or another one."""
        self._connection.execute(_SET, {"key": sub, "new": digest})

    def forget(self, sub: str) -> None:
        """Leave an account without a password; it needs another one to sign in by."""
        self._connection.execute(_FORGET, {"key": sub})

    def rehash(self, sub: str, *, old: str, new: str) -> bool:
        """Replace the digest by one of the same password; False when it is no longer `old` (the password was changed meanwhile)."""
        return self._connection.execute(_REHASH, {"key": sub, "old": old, "new": new}).rowcount == 1
