"""Clients that registered themselves (RFC 7591): the tokens that manage them, when they were last used, and who may register at all."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    ForeignKey,
    Integer,
    Row,
    Table,
    Text,
    bindparam,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)

from auth_server.store.schema import METADATA, Digest, Milliseconds, Number, now_ms

CLIENT_REGISTRATION: Final = Table(
    "client_registration",
    METADATA,
    Column("client_id", Text, ForeignKey("client.client_id", ondelete="CASCADE"), primary_key=True),
    Column("token_digest", Digest, nullable=False),
    Column("created_at", Milliseconds, nullable=False),
    Column("used_at", Milliseconds, nullable=False, index=True),
)

INITIAL_ACCESS_TOKEN: Final = Table(
    "initial_access_token",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("digest", Digest, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("uses_left", Integer, nullable=False),
    Column("created_at", Milliseconds, nullable=False),
    # Seconds.
    Column("expires_at", Number, nullable=False),
)

_R: Final = CLIENT_REGISTRATION.c
_I: Final = INITIAL_ACCESS_TOKEN.c
_UNUSED: Final = (
    select(_R.client_id)
    .where(
        or_(
            _R.used_at < now_ms() - bindparam("unused_ms", type_=BigInteger),
            (_R.used_at == _R.created_at) & (_R.created_at < now_ms() - bindparam("never_used_ms", type_=BigInteger)),
        )
    )
    .limit(bindparam("most"))
)


@dataclass(frozen=True, slots=True)
class InitialAccessToken:
    """What lets somebody register clients: how often still, and until when (seconds)."""

    id: str
    name: str
    uses_left: int
    expires_at: int
    digest: bytes = field(repr=False, default=b"")


class ClientRegistrations:
    """Registrations within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, client_id: str, token_digest: bytes) -> None:
        """Note that a client registered itself, and the token that manages it."""
        values = {"client_id": client_id, "token_digest": token_digest, "created_at": now_ms(), "used_at": now_ms()}
        self._connection.execute(insert(CLIENT_REGISTRATION).values(**values))

    def token_digest(self, client_id: str) -> bytes | None:
        """Return the digest of the token that manages a client; None when it did not register itself."""
        found = self._connection.execute(select(_R.token_digest).where(_R.client_id == client_id)).scalar()
        return None if found is None else bytes(found)

    def count(self) -> int:
        """Return how many clients registered themselves."""
        return int(self._connection.execute(select(func.count()).select_from(CLIENT_REGISTRATION)).scalar_one())

    def touch(self, client_id: str) -> None:
        """Note a use."""
        self._connection.execute(update(CLIENT_REGISTRATION).where(_R.client_id == client_id).values(used_at=now_ms()))

    def unused(self, unused_ms: int, never_used_ms: int, limit: int) -> list[str]:
        """Return up to `limit` clients that were not used for so long, or never since they registered."""
        values = {"unused_ms": unused_ms, "never_used_ms": never_used_ms, "most": limit}
        return list(self._connection.execute(_UNUSED, values).scalars())

    def add_initial_token(self, token: InitialAccessToken) -> None:
        """Store a token that lets somebody register."""
        values = {name: getattr(token, name) for name in ("id", "digest", "name", "uses_left", "expires_at")}
        self._connection.execute(insert(INITIAL_ACCESS_TOKEN).values(**values, created_at=now_ms()))

    def use_initial_token(self, digest: bytes) -> str | None:
        """Take one use of a token; return its id, or None when there is none, it is over, or was used up."""
        statement = (
            update(INITIAL_ACCESS_TOKEN)
            .where(_I.digest == digest, _I.uses_left > 0, _I.expires_at > now_ms() // 1000)
            .values(uses_left=_I.uses_left - 1)
            .returning(_I.id)
        )
        return self._connection.execute(statement).scalar()

    def initial_tokens(self) -> list[InitialAccessToken]:
        """Return every token that lets somebody register, oldest first."""
        rows = self._connection.execute(select(INITIAL_ACCESS_TOKEN).order_by(_I.created_at, _I.id))
        return [_initial(row) for row in rows]

    def revoke_initial_token(self, token_id: str) -> bool:
        """Delete one; False when there is none."""
        return self._connection.execute(delete(INITIAL_ACCESS_TOKEN).where(_I.id == token_id)).rowcount == 1


def _initial(row: Row[Any]) -> InitialAccessToken:
    return InitialAccessToken(row.id, row.name, row.uses_left, row.expires_at)
