"""Token status lists: who may issue which indexes, and which token has which. Nothing is here unless they are switched on.

A list is so many blocks of indexes. A replica takes a block for itself with a compare-and-set on the list's count, so that no index is
given twice, and gives a row to each token that takes one. A bit is not stored: it follows from the row and the revocation feed, whose
entries live as long as any token they could match.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import (
    Column,
    Connection,
    Table,
    Text,
    and_,
    bindparam,
    case,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.sql.elements import ColumnElement

from auth_server.store.revocations import FEED_ENTRY
from auth_server.store.schema import METADATA, Milliseconds, Number, now_ms
from shared.revocation import RevocationKind

BLOCK_INDEXES: Final = 10_000
BLOCKS_OF_A_LIST: Final = 100
LIST_INDEXES: Final = BLOCK_INDEXES * BLOCKS_OF_A_LIST

STATUS_LIST: Final = Table(
    "status_list",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("opened_at", Milliseconds, nullable=False),
    Column("blocks", Number, nullable=False),
    Column("until", Number, nullable=False),
)

STATUS_TOKEN: Final = Table(
    "status_token",
    METADATA,
    Column("list_id", Text, primary_key=True),
    Column("idx", Number, primary_key=True, autoincrement=False),
    Column("jti", Text, nullable=False),
    Column("sub", Text, nullable=False),
    Column("client_id", Text, nullable=False),
    Column("grant_id", Text),
    Column("sid", Text),
    Column("iat", Number, nullable=False),
    Column("until", Number, nullable=False, index=True),
)

_L: Final = STATUS_LIST.c
_T: Final = STATUS_TOKEN.c
_F: Final = FEED_ENTRY.c


def _is_named(kind: RevocationKind, column: Column[str]) -> ColumnElement[bool]:
    return column.in_(select(_F.key).where(_F.kind == kind.value))


def _is_bounded(kind: RevocationKind, column: Column[str]) -> ColumnElement[bool]:
    # The names first: of them the database makes a table once, and only a token it holds asks for its own bound.
    latest = select(func.max(_F.not_before)).where(_F.kind == kind.value, _F.key == column).scalar_subquery()
    return and_(_is_named(kind, column), _T.iat <= latest)


_ALL_UP_TO: Final = select(func.max(_F.not_before)).where(_F.kind == RevocationKind.ALL.value).scalar_subquery()
_IS_REVOKED: Final = or_(
    _is_named(RevocationKind.TOKEN, _T.jti),
    _is_named(RevocationKind.GRANT, _T.grant_id),
    _is_named(RevocationKind.SID, _T.sid),
    _is_bounded(RevocationKind.SUBJECT, _T.sub),
    _is_bounded(RevocationKind.CLIENT, _T.client_id),
    _T.iat <= _ALL_UP_TO,
)


_ADD: Final = (
    insert(STATUS_TOKEN)
    .from_select(
        [column.name for column in STATUS_TOKEN.c],
        select(*[bindparam(column.name, type_=column.type) for column in STATUS_TOKEN.c]).where(
            exists().where(_L.id == bindparam("list_id", type_=_L.id.type))
        ),
    )
    .returning(_T.idx)
)


@dataclass(frozen=True, slots=True)
class Block:
    """The indexes `number * BLOCK_INDEXES` and those behind it, of one list."""

    list_id: str
    number: int


@dataclass(frozen=True, slots=True)
class StatusToken:
    """A token that has an index. Times are seconds since the epoch; nobody accepts the token after `until`."""

    list_id: str
    index: int
    jti: str
    sub: str
    client_id: str
    grant_id: str | None
    sid: str | None
    issued_at: int
    until: int


class StatusLists:
    """Status lists within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def lease(self, new_id: str, *, until: int) -> Block | None:
        """Take a block that nobody has, of an open list or of a new one; None: somebody else was quicker, so ask again.

        Args:
            new_id: what a new list is called: random, so that no list of a database's past or future is called so.
            until: when the last token that could take an index of the block has expired, seconds.
        """
        open_list = select(_L.id, _L.blocks).where(_L.blocks < BLOCKS_OF_A_LIST).order_by(_L.opened_at, _L.id).limit(1)
        row = self._connection.execute(open_list).first()
        if row is None:
            values = {"id": new_id, "opened_at": now_ms(), "blocks": 1, "until": until}
            self._connection.execute(insert(STATUS_LIST).values(values))
            return Block(new_id, 0)
        step = (
            update(STATUS_LIST)
            .where(_L.id == row.id, _L.blocks == row.blocks)
            .values(blocks=row.blocks + 1, until=case((_L.until > until, _L.until), else_=until))
        )
        return Block(row.id, row.blocks) if self._connection.execute(step).rowcount == 1 else None

    def add(self, token: StatusToken) -> bool:
        """Write down which token has an index; False when there is no such list: a restore took it away, with whoever has a block of it."""
        values = {
            "list_id": token.list_id,
            "idx": token.index,
            "jti": token.jti,
            "sub": token.sub,
            "client_id": token.client_id,
            "grant_id": token.grant_id,
            "sid": token.sid,
            "iat": token.issued_at,
            "until": token.until,
        }
        return self._connection.execute(_ADD, values).first() is not None

    def revoked(self, list_id: str) -> list[int] | None:
        """Return the indexes of a list whose tokens are revoked, in order; None when there is no such list."""
        if self._connection.execute(select(_L.id).where(_L.id == list_id)).first() is None:
            return None
        query = select(_T.idx).where(_T.list_id == list_id, _IS_REVOKED).order_by(_T.idx)
        return [int(index) for index in self._connection.execute(query).scalars()]

    def close_all(self) -> None:
        """Let nobody take another block of any list: after a restore, the count may be behind what was given."""
        self._connection.execute(update(STATUS_LIST).values(blocks=BLOCKS_OF_A_LIST))

    def forget(self, now: int, limit: int = 500) -> int:
        """Delete up to `limit` tokens that have expired (`until` before `now`, seconds); return how many."""
        # By the key, of which there is an index: an EXISTS would look through the whole table for each slice.
        dead = select(_T.list_id, _T.idx).where(_T.until < now).limit(limit)
        return self._connection.execute(delete(STATUS_TOKEN).where(tuple_(_T.list_id, _T.idx).in_(dead))).rowcount

    def retire(self, now: int, limit: int = 500) -> int:
        """Delete up to `limit` lists that are given out, and every token in which has expired; return how many."""
        # Its end is that of its longest lease; of a restored list an older one, which is why its tokens are asked for too.
        has_tokens = exists().where(_T.list_id == _L.id)
        dead = select(_L.id).where(_L.blocks >= BLOCKS_OF_A_LIST, _L.until < now, ~has_tokens).limit(limit)
        return self._connection.execute(delete(STATUS_LIST).where(_L.id.in_(dead))).rowcount
