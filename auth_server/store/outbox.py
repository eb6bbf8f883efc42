"""Mail that is to be sent: written with the change that it tells of, sent later by a job.

No row holds a text, a link or a secret: it names the kind of letter and what fills it in, and the letter is written when it is sent.
A row without a recipient is written where nobody may tell from the work done that nobody is written to; it is dropped unsent.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import BigInteger, Column, Connection, Integer, Row, Table, Text, bindparam, delete, insert, select, update

from auth_server.store.schema import METADATA, Milliseconds, now_ms

OUTBOX_MAIL: Final = Table(
    "outbox_mail",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("recipient", Text),
    Column("language", Text, nullable=False),
    Column("facts", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("created_at", Milliseconds, nullable=False),
    Column("due_at", Milliseconds, nullable=False, index=True),
)

_O: Final = OUTBOX_MAIL.c
_ADD: Final = insert(OUTBOX_MAIL).values(
    {name: bindparam(name) for name in ("id", "kind", "recipient", "language", "facts")}
    | {"attempts": 0, "created_at": now_ms(), "due_at": now_ms()}
)
_DUE: Final = select(_O.id).where(_O.due_at <= now_ms()).order_by(_O.due_at).limit(bindparam("most"))
_CLAIM: Final = (
    update(OUTBOX_MAIL)
    # The bound stands here too: of two replicas that chose the same row, the second finds it claimed.
    .where(_O.id.in_(_DUE), _O.due_at <= now_ms())
    .values(attempts=_O.attempts + 1, due_at=now_ms() + bindparam("lease_ms", type_=BigInteger))
    .returning(OUTBOX_MAIL)
)
_DONE: Final = delete(OUTBOX_MAIL).where(_O.id == bindparam("key"))
_LATER: Final = (
    update(OUTBOX_MAIL).where(_O.id == bindparam("key")).values(due_at=now_ms() + bindparam("wait_ms", type_=BigInteger))
)


@dataclass(frozen=True, slots=True)
class Letter:
    """A letter to write. `facts` is what fills it in, without a secret; `attempts` counts the tries to send it."""

    id: str
    kind: str
    recipient: str | None = field(repr=False)
    language: str
    facts: Mapping[str, str | int]
    attempts: int = 0
    created_at: int = 0


class Outbox:
    """The outbox within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, letter: Letter) -> None:
        """Have a letter sent once this commits."""
        facts = json.dumps(dict(letter.facts), separators=(",", ":"), sort_keys=True)
        values = {
            "id": letter.id,
            "kind": letter.kind,
            "recipient": letter.recipient,
            "language": letter.language,
            "facts": facts,
        }
        self._connection.execute(_ADD, values)

    def claim(self, *, most: int, lease_ms: int) -> list[Letter]:
        """Take up to `most` letters that are due; nobody else gets them before the lease ends."""
        return [_letter(row) for row in self._connection.execute(_CLAIM, {"most": most, "lease_ms": lease_ms})]

    def is_due(self) -> bool:
        """Say whether there is anything to send."""
        return self._connection.execute(_DUE, {"most": 1}).first() is not None

    def done(self, letter_id: str) -> None:
        """Forget a letter: it was sent, or never will be."""
        self._connection.execute(_DONE, {"key": letter_id})

    def later(self, letter_id: str, wait_ms: int) -> None:
        """Try again after that time."""
        self._connection.execute(_LATER, {"key": letter_id, "wait_ms": wait_ms})


def _letter(row: Row[Any]) -> Letter:
    return Letter(row.id, row.kind, row.recipient, row.language, json.loads(row.facts), row.attempts, row.created_at)
