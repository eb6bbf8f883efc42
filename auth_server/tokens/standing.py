"""Is what a token says still so, and does nothing name it dead already?

A revocation ends every token whose `iat` is not later than its own second. So `iat` is the second before anything that the token says was
read: whatever was revoked while it was being made then covers it. And the first token after a revocation waits for the next second, or it
would be dead on arrival.

1. A *moment* is taken before the facts are read: the second, and the version of the directory that was remembered.
2. The transaction that settles looks once: another version, or an entry whose bound reaches the moment, means that the facts may be older
   than what was revoked. Nothing is stored, the second is waited for, and everything is read and decided anew.
3. What is minted from memory and stores nothing (client credentials) is held against the few entries that can concern it, which every
   process follows. Another replica may mint such a token from a memory that is up to `TRUSTED_SECONDS` old; the bound of a client's entry
   therefore reaches that much further (`Feed.revoke_client`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from auth_server.protocol.authorization import Authorization
from auth_server.protocol.errors import TemporarilyUnavailable
from auth_server.store.freshness import Freshness
from auth_server.store.revocations import COMMIT_MARGIN_MS
from auth_server.store.store import Store
from auth_server.store.transaction import Transaction
from shared.revocation import RevocationEntry, RevocationKind

# The rest of a second, and what a commit may have taken.
_LONGEST_WAIT_MS: Final = 1_000 + COMMIT_MARGIN_MS


@dataclass(frozen=True, slots=True)
class Moment:
    """When the facts of a token began to be read: seconds since the epoch, and the directory's version, if it is known."""

    now: int
    directory_version: int | None


class Outdated(Exception):
    """What was read may be older than a revocation; nothing was stored. `bound` is the second to let pass, if there is one."""

    def __init__(self, bound: int | None) -> None:
        super().__init__("the facts of this token may be older than a revocation")
        self.bound = bound


class Standing:
    """Holds tokens that are being made against what was revoked meanwhile."""

    def __init__(self, store: Store, freshness: Freshness) -> None:
        self._store = store
        self._freshness = freshness
        self._clients: dict[str, int] = {}
        self._all = -1
        self._seen = 0
        store.on_revocation(self._committed)

    def moment(self) -> Moment:
        """Return the moment; take it before anything is read that the token will say."""
        return Moment(self._store.clock.now(), self._freshness.version)

    def check(self, tx: Transaction, authorization: Authorization, moment: Moment) -> None:
        """Refuse to settle what may be outdated.

        Raises:
            Outdated: wait with `catch_up`, then read and decide anew.
        """
        version, bound = tx.revocations.standing(authorization.person, authorization.client.client_id)
        if bound is not None and moment.now <= bound:
            raise Outdated(bound)
        if moment.directory_version not in (None, version):
            raise Outdated(None)

    def check_remembered(self, client_id: str, moment: Moment) -> None:
        """Hold a token that is minted from memory against what is remembered to be revoked.

        Raises:
            Outdated: like `check`.
        """
        bound = max(self._clients.get(client_id, -1), self._all)
        if moment.now <= bound:
            raise Outdated(bound)

    async def catch_up(self, outdated: Outdated) -> None:
        """Look at the directory again, and wait until a token can be made that is not dead already; about a second at most.

        Raises:
            TemporarilyUnavailable: it would take longer, because the client was removed a moment ago and is back already.
            StoreUnavailable: the database did not answer.
        """
        await self._freshness.poll()
        if outdated.bound is None:
            return
        opens_at = (outdated.bound + 1) * 1000
        left_ms = opens_at - self._store.clock.now_ms()
        if left_ms > _LONGEST_WAIT_MS:
            raise TemporarilyUnavailable("the client's tokens were revoked a moment ago", retry_after=left_ms // 1000 + 1)
        await self._store.clock.until(opens_at)

    async def poll(self) -> None:
        """Take up what other processes revoked that concerns tokens minted from memory.

        Raises:
            StoreUnavailable: the database did not answer.
        """
        head, entries = await self._store.read(lambda tx: (tx.revocations.head(), tx.revocations.bounds_since(self._seen)))
        self._seen = head
        self._take(entries)
        now = self._store.clock.now()
        self._clients = {client_id: bound for client_id, bound in self._clients.items() if bound >= now}

    def _committed(self, entries: Sequence[RevocationEntry]) -> None:
        self._take(entries)

    def _take(self, entries: Sequence[RevocationEntry]) -> None:
        for entry in entries:
            bound = entry.not_before
            if bound is not None and entry.kind is RevocationKind.CLIENT:
                self._clients[entry.key] = max(bound, self._clients.get(entry.key, -1))
            elif bound is not None and entry.kind is RevocationKind.ALL:
                self._all = max(bound, self._all)
