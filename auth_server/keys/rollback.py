"""Notice that the database is older than what was published, and let nobody sign until an operator has settled it.

A restored database has forgotten keys, burns and revocations. Two things tell: the journal of this machine holds a higher epoch, or a
burn that the database does not know; and a genuine refresh token is ahead of its row. Either raises a halt, one row for the whole
issuer: no replica signs, and no key changes, until `auth-server restore finish`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from auth_server.audit import log
from auth_server.audit.events import EventName
from auth_server.keys.journal import Journaled, PublishedJournal
from auth_server.store.key_incidents import Halt
from auth_server.store.signing_keys import KeyState, RingView
from auth_server.store.store import Store
from auth_server.store.transaction import Transaction

OLDER_THAN_PUBLISHED: Final = "the database is older than what was published"
AHEAD_OF_ITS_ROW: Final = "a refresh token is ahead of its row: the database has lost changes"
HOW_TO_GO_ON: Final = "run auth-server restore finish"
# A key set contradicts the database now, whatever was restored before.
_ALWAYS: Final = 2**62
_LOG: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Sight:
    """The rings as of one reading, and whether anything may be done by it. Whoever goes on from a halted one hides what was lost."""

    rings: tuple[RingView, ...]
    halt: Halt | None

    @property
    def halted(self) -> str | None:
        """Why nobody may sign or change a key by this reading; None when all is well."""
        return None if self.halt is None else self.halt.reason

    def ring(self, name: str) -> RingView | None:
        """Return one ring; None before its first key."""
        return next((view for view in self.rings if view.ring == name), None)


class RollbackWatch:
    """Holds the database against the journal of this machine.

    Args:
        journal: None where none is kept; a halt that others raised is seen all the same.
    """

    def __init__(self, store: Store, journal: PublishedJournal | None = None) -> None:
        self._store = store
        self._journal = journal
        self._warned: str | None = None

    async def look(self) -> Sight:
        """Read the rings, and raise the halt if it is this process that notices that they are old.

        What is judged is what is returned: a database that is put back between a check and a reading of its own would go unnoticed.

        Raises:
            StoreUnavailable: the database did not answer.
        """
        # Before the question to the database: whatever the journal holds by now was in the database by then.
        published = await self.last_published()
        rings, halt = await self._store.read(_look)
        if (halt is not None and halt.reason is not None) or published is None or not _is_older(rings, published):
            return Sight(rings, halt)
        await self._store.run(_raise_halt)
        return Sight(rings, Halt(OLDER_THAN_PUBLISHED, None if halt is None else halt.restored_at, None))

    async def last_published(self) -> Journaled | None:
        """Return what this machine published last; None when it is not known."""
        if self._journal is None:
            return None
        try:
            return await asyncio.to_thread(self._journal.last)
        except OSError as error:
            self._warn(f"the journal of published keys cannot be read: {error.strerror}")
            return None

    async def remember(self, body: bytes) -> None:
        """Write a key set down before it is served. A disk that is full must not end the serving: it is a warning."""
        if self._journal is None:
            return
        try:
            await asyncio.to_thread(self._journal.append, body)
        except OSError as error:
            self._warn(f"the journal of published keys cannot be written: {error.strerror}")

    def _warn(self, fault: str) -> None:
        if fault != self._warned:
            _LOG.warning("%s", fault)
        self._warned = fault


def _look(tx: Transaction) -> tuple[tuple[RingView, ...], Halt | None]:
    return tuple(tx.signing_keys.views()), tx.key_incidents.halt()


def _is_older(rings: Sequence[RingView], published: Journaled) -> bool:
    # An empty database is no old one: its first ring begins above every epoch there was.
    if not rings:
        return False
    alive = {key.kid for ring in rings for key in ring.keys if key.state is not KeyState.COMPROMISED}
    return max(ring.epoch for ring in rings) < published.epoch or bool(alive & published.revoked)


def _raise_halt(tx: Transaction) -> None:
    if tx.key_incidents.raise_halt(OLDER_THAN_PUBLISHED, known_since=_ALWAYS):
        log.record(tx, EventName.STATE_ROLLBACK_DETECTED, outcome="alarm", actor="job", detail={"by": "journal"})
