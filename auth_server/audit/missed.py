"""What a process committed and could not note any more is noted at the next start.

A process that is killed between a commit and its line in the journal of withdrawals has acknowledged nothing. Whoever asked comes again, is
told that it is done, and nothing is committed that could be noted: so the line must not be missing.
"""

from __future__ import annotations

import json
import logging
from typing import Final

from auth_server.audit.withdrawals import WITHDRAWALS, WithdrawalJournal
from auth_server.store.audit_events import AuditFilter
from auth_server.store.store import Store
from auth_server.store.transaction import Transaction

# Events of several processes are not committed in the order of their times.
_MARGIN_MS: Final = 120_000
_PAGE: Final = 500
_LOG: Final = logging.getLogger(__name__)


async def note_missed(store: Store, journal: WithdrawalJournal) -> None:
    """Bring the journal up to the audit log, from its newest line on.

    Raises:
        StoreUnavailable: the database did not answer.
    """
    try:
        newest, known = journal.latest()
    except OSError as error:
        _LOG.warning("the journal of withdrawals cannot be read", extra={"fields": {"error": error.strerror}})
        return
    if newest:
        committed = await store.read(lambda tx: _withdrawals_since(tx, newest - _MARGIN_MS))
        journal.note_missed([body for body in committed if body not in known])


def _withdrawals_since(tx: Transaction, since_ms: int) -> list[str]:
    found: list[str] = []
    after, wanted = 0, AuditFilter(since_ms=since_ms)
    while page := tx.audit_events.after(after, _PAGE, wanted):
        found += [entry.body for entry in page if json.loads(entry.body)["name"] in WITHDRAWALS]
        after = page[-1].seq
    return found
