"""What outlives the database: the journal of withdrawals, backups, and what is done after a restore."""

from __future__ import annotations

from dataclasses import dataclass

from auth_server.audit.withdrawals import FILE_NAME, WithdrawalJournal
from auth_server.services.ground import Ground
from auth_server.tokens.reapply import Reapply


@dataclass(frozen=True, slots=True)
class Restoring:
    """Collaborators of `auth-server backup` and `auth-server restore`."""

    journal: WithdrawalJournal
    reapply: Reapply


def build_restoring(ground: Ground) -> Restoring:
    """Return them; from now on every commit of this process that takes something away is in the journal."""
    settings = ground.settings
    longest = max(settings.refresh_lifetime, settings.session_lifetime)
    journal = WithdrawalJournal(settings.data_dir / FILE_NAME, kept_ms=int(longest * 1000))
    ground.store.on_commit(journal.note)
    return Restoring(journal, Reapply(store=ground.store, journal=journal, feed=ground.feed))
