"""Deletes what can never be used again, a slice at a time, so that no transaction holds the writer for long."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar, Final

from auth_server.jobs.contract import Job
from auth_server.protocol.refresh import RefreshPolicy
from auth_server.signals.streams import KEPT_SECONDS
from auth_server.store.store import Store
from auth_server.store.transaction import Transaction

SLICE: Final = 500
# A backlog is worked off over several runs rather than in one.
_SLICES_PER_RUN: Final = 20

# There is a row for every access token: at 1,000 tokens a second, sixty thousand expire between two runs.
_STATUS_TOKENS: Final = 10

# Deletes up to that many rows of one kind in this transaction; returns how many.
Purge = Callable[[Transaction, int], int]


class PurgeExpired(Job):
    """Every minute, each kind of row until a slice comes back short."""

    name: ClassVar[str] = "purge_expired"
    interval: float = 60.0
    spread: float = 20.0

    def __init__(self, *, store: Store, purges: Mapping[str, Purge]) -> None:
        self._store = store
        self._purges = purges

    async def run(self) -> None:
        for purge in self._purges.values():
            for _ in range(_SLICES_PER_RUN):
                if await self._store.run(lambda tx, purge=purge: purge(tx, SLICE)) < SLICE:  # type: ignore[misc]
                    break


def all_purges(refresh_policy: RefreshPolicy) -> dict[str, Purge]:
    """Return what is purged, by kind; the policy says until when the sealed successor of a refresh token may be asked for."""
    grace_ms, quiet_ms = round(refresh_policy.retry_grace * 1000), round(refresh_policy.quiet_window * 1000)
    return {
        "feed entries": lambda tx, limit: tx.revocations.forget(tx.clock.now(), limit),
        "refresh replays": lambda tx, limit: tx.refresh_tokens.wipe_replays(grace_ms=grace_ms, quiet_ms=quiet_ms, limit=limit),
        "refresh families": lambda tx, limit: tx.refresh_tokens.purge(kept_ms=_KEPT_MS, limit=limit),
        "sessions": lambda tx, limit: tx.sessions.forget(limit),
        "interactions": lambda tx, limit: tx.interactions.purge(limit),
        "pushed requests": lambda tx, limit: tx.pushed_requests.purge(limit),
        "authorization codes": lambda tx, limit: tx.authorization_codes.purge(limit),
        "logout requests": lambda tx, limit: tx.logouts.purge(limit),
        "device codes": lambda tx, limit: tx.device_codes.forget(limit),
        "assertions": lambda tx, limit: tx.assertions.forget(limit),
        "tickets": lambda tx, limit: tx.tickets.forget(limit),
        "email changes": lambda tx, limit: tx.email_changes.forget(limit),
        "status tokens": lambda tx, limit: tx.status_lists.forget(tx.clock.now(), _STATUS_TOKENS * limit),
        "status lists": lambda tx, limit: tx.status_lists.retire(tx.clock.now(), limit),
        "signals": lambda tx, limit: tx.signals.forget(KEPT_SECONDS * 1000, limit),
        "attempts": lambda tx, limit: tx.attempts.forget(limit),
    }


# A family is kept this long after its end, so that its last token is still recognised as expired and not as unknown.
_KEPT_MS: Final = 24 * 3_600_000
