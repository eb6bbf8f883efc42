"""What an outbox does with its rows, whatever they tell: claims what is due, and puts off what did not arrive.

Its table has `attempts` and `due_at`. A row is claimed by the attempts that were counted when it was read, so of two replicas that read
it at once, one gets it.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Connection, Row, Select, Table, bindparam, update

from auth_server.store.schema import now_ms


def is_anything_due(connection: Connection, due: Select[Any]) -> bool:
    """Say whether `due` selects anything."""
    return connection.execute(due, {"most": 1}).first() is not None


def claim(connection: Connection, table: Table, due: Select[Any], limit: int, *, wait_ms: int) -> list[Row[Any]]:
    """Return up to `limit` rows that are due, and put each off by `wait_ms`, so that no other replica takes it meanwhile.

    Args:
        due: selects rows of the table, as many as the parameter `most` says.
    """
    claimed = []
    for row in connection.execute(due, {"most": limit}).all():
        key = [column == getattr(row, column.name) for column in table.primary_key]
        statement = (
            update(table)
            .where(*key, table.c.attempts == row.attempts)
            .values(attempts=table.c.attempts + 1, due_at=now_ms() + wait_ms)
        )
        if connection.execute(statement).rowcount == 1:
            claimed.append(row)
    return claimed


def put_off(connection: Connection, table: Table, *which: ColumnElement[bool], wait_ms: int) -> None:
    """Try again later."""
    due = now_ms() + bindparam("wait_ms", type_=BigInteger)
    connection.execute(update(table).where(*which).values(due_at=due), {"wait_ms": wait_ms})
