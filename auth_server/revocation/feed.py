"""Append entries to the revocation feed in the caller's transaction."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from auth_server.store.freshness import TRUSTED_SECONDS
from auth_server.store.transaction import Transaction
from shared.key_policy import KeyPolicy
from shared.revocation import RevocationEntry, RevocationKind

# A replica may mint a client's own tokens from a memory that is this old, and round its second up.
CLIENT_REACH_SECONDS: Final = math.ceil(TRUSTED_SECONDS) + 1


@dataclass(frozen=True, slots=True)
class Feed:
    """Makes entries that live exactly as long as any token they could match."""

    policy: KeyPolicy

    def revoke_key(self, tx: Transaction, kid: str, *, still_signs_for: float = 0) -> None:
        """End every token under one signing key.

        Args:
            still_signs_for: seconds for which a replica with an old view may go on signing with it.
        """
        self._append(tx, RevocationKind.KID, kid, later=still_signs_for)

    def revoke_grant(self, tx: Transaction, grant_id: str) -> None:
        """End one authorization: the access tokens of a refresh family."""
        self._append(tx, RevocationKind.GRANT, grant_id)

    def revoke_session(self, tx: Transaction, sid: str) -> None:
        """End the access tokens of one sign-in session."""
        self._append(tx, RevocationKind.SID, sid)

    def revoke_token(self, tx: Transaction, jti: str) -> None:
        """End one access token."""
        self._append(tx, RevocationKind.TOKEN, jti)

    def revoke_subject(self, tx: Transaction, sub: str) -> None:
        """End all tokens of a person that were issued up to now."""
        # Clients with pairwise subjects know the person by other names.
        for subject in (sub, *tx.pairwise_subjects.of(sub)):
            self._append(tx, RevocationKind.SUBJECT, subject, not_before=tx.clock.now())

    def revoke_client(self, tx: Transaction, client_id: str) -> None:
        """End all tokens of a client that were issued up to now, or are being issued by a replica that does not know yet."""
        later = CLIENT_REACH_SECONDS
        self._append(tx, RevocationKind.CLIENT, client_id, not_before=tx.clock.now() + later, later=later)

    def revoke_all(self, tx: Transaction) -> None:
        """End every token that was issued up to now."""
        self._append(tx, RevocationKind.ALL, "", not_before=tx.clock.now())

    def _append(
        self, tx: Transaction, kind: RevocationKind, key: str, *, not_before: int | None = None, later: float = 0
    ) -> None:
        policy = self.policy
        longest = policy.access_token_lifetime + policy.leeway + 2 * policy.clock_error + later
        tx.revoke(RevocationEntry(kind, key, until=tx.clock.now() + math.ceil(longest), not_before=not_before))
