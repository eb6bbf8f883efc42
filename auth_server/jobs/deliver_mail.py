"""Sends what is in the outbox, and tries again what could not be sent."""

from __future__ import annotations

import asyncio
import logging
from typing import ClassVar, Final

from auth_server.accounts.letters import Writer
from auth_server.audit.events import EventName
from auth_server.audit.log import record
from auth_server.jobs.contract import Job
from auth_server.jobs.waits import doubled
from auth_server.mail.contract import Mailer, MailUnsent, Message
from auth_server.store.outbox import Letter
from auth_server.store.store import Store
from auth_server.store.transaction import Transaction

_LOG: Final = logging.getLogger(__name__)
_AT_ONCE: Final = 10
# Longer than all of one claim takes when every connection times out after 10 s.
_LEASE_MS: Final = 180_000
_FIRST_WAIT_MS: Final = 10_000
_GIVE_UP_MS: Final = 3 * 86_400_000


class DeliverMail(Job):
    """Every second. A letter that could not be sent is tried again after 10 s, 20 s, … up to an hour apart, for three days.

    A process that dies between sending a letter and forgetting it sends it twice, with one Message-ID; none is lost.
    """

    name: ClassVar[str] = "deliver_mail"
    interval: float = 1.0
    spread: float = 0.3

    def __init__(self, *, store: Store, writer: Writer, mailer: Mailer) -> None:
        self._store = store
        self._writer = writer
        self._mailer = mailer

    async def run(self) -> None:
        """Send what is due."""
        while await self._store.read(lambda tx: tx.outbox.is_due()):
            letters = await self._store.run(lambda tx: tx.outbox.claim(most=_AT_ONCE, lease_ms=_LEASE_MS))
            for letter in letters:
                await self._deliver(letter)
            if not letters:
                return

    async def _deliver(self, letter: Letter) -> None:
        message = self._writer.write(letter)
        fault = None if message is None else await asyncio.to_thread(self._fault, message)
        await self._store.run(lambda tx: _settle(tx, letter, fault))
        if fault is not None:
            fields = {"letter": letter.id, "kind": letter.kind, "attempts": letter.attempts, "error": fault}
            _LOG.warning("a letter could not be sent", extra={"fields": fields})

    def _fault(self, message: Message) -> str | None:
        try:
            self._mailer.send(message)
        except MailUnsent as error:
            return str(error)
        except ValueError as error:
            return type(error).__name__
        return None


def _settle(tx: Transaction, letter: Letter, fault: str | None) -> None:
    if fault is None:
        tx.outbox.done(letter.id)
    elif tx.clock.now_ms() - letter.created_at >= _GIVE_UP_MS:
        tx.outbox.done(letter.id)
        record(tx, EventName.MAIL_UNDELIVERED, outcome="given_up", actor="job", detail={"kind": letter.kind})
    else:
        tx.outbox.later(letter.id, doubled(_FIRST_WAIT_MS, letter.attempts - 1))
