"""Pairwise subjects: what a person is called towards one sector of clients (OpenID Connect Core section 8.1).

A table instead of a computation, because the way back is needed as well: from the subject of a token to the account, and from an
account to every subject that must go on the revocation feed.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Column, Connection, ForeignKey, Table, Text, UniqueConstraint, select
from sqlalchemy.dialects.postgresql import insert as upsert

from auth_server.store.schema import METADATA

PAIRWISE_SUBJECT: Final = Table(
    "pairwise_subject",
    METADATA,
    Column("subject", Text, primary_key=True),
    Column("sub", Text, ForeignKey("account.sub", ondelete="CASCADE"), nullable=False),
    Column("sector", Text, nullable=False),
    UniqueConstraint("sub", "sector"),
)

_P: Final = PAIRWISE_SUBJECT.c


class PairwiseSubjects:
    """Pairwise subjects within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def find_or_add(self, sub: str, sector: str, candidate: str) -> str:
        """Return what a person is called in a sector; `candidate` from now on when they had no name there."""
        statement = upsert(PAIRWISE_SUBJECT).values(subject=candidate, sub=sub, sector=sector).on_conflict_do_nothing()
        self._connection.execute(statement)
        return str(self._connection.execute(select(_P.subject).where(_P.sub == sub, _P.sector == sector)).scalar_one())

    def account(self, subject: str) -> str | None:
        """Return the `sub` of the account behind a pairwise subject; None when it is none."""
        return self._connection.execute(select(_P.sub).where(_P.subject == subject)).scalar()

    def of(self, sub: str) -> list[str]:
        """Return every subject an account has."""
        return list(self._connection.execute(select(_P.subject).where(_P.sub == sub).order_by(_P.subject)).scalars())
