"""Remember, list and withdraw consents."""

from __future__ import annotations

from auth_server.audit.events import EventName
from auth_server.audit.log import record
from auth_server.revocation.feed import Feed
from auth_server.store.consents import Consent
from auth_server.store.store import Store
from auth_server.store.transaction import Transaction
from auth_server.web.request_facts import RequestFacts
from shared import base64url


class Consents:
    """What people allowed clients."""

    def __init__(self, *, store: Store, feed: Feed) -> None:
        self._store = store
        self._feed = feed

    async def of(self, sub: str) -> list[Consent]:
        """Return what a person allowed, by client and resource.

        Raises:
            StoreUnavailable: the database did not answer.
        """
        return await self._store.read(lambda tx: tx.consents.of(sub))

    async def withdraw(self, sub: str, client_id: str, *, actor: str | None = None, facts: RequestFacts | None = None) -> bool:
        """Take back everything a person allowed a client: it is asked anew, its refresh tokens end, its access tokens are named on
        the feed. False when there was nothing.

        Raises:
            StoreUnavailable: the database did not answer.
        """
        return await self._store.run(lambda tx: self.withdraw_in(tx, sub, client_id, actor=actor, facts=facts))

    def remember(self, tx: Transaction, sub: str, client_id: str, resource: str, scope: frozenset[str]) -> None:
        """Note scopes that a person allowed, in the caller's transaction, which holds the account."""
        tx.consents.add(sub, client_id, resource, scope)
        record(tx, EventName.CONSENT_GRANTED, sub=sub, client_id=client_id, detail={"scope": " ".join(sorted(scope))})

    def withdraw_in(
        self, tx: Transaction, sub: str, client_id: str, *, actor: str | None = None, facts: RequestFacts | None = None
    ) -> bool:
        """Take it back in the caller's transaction; otherwise like `withdraw`."""
        tx.accounts.lock(sub)
        withdrawn = tx.consents.withdraw(sub, client_id)
        ended = tx.refresh_tokens.revoke_of_consent(sub, client_id, "consent_withdrawn")
        # Also grants without a refresh token: their access tokens name the grant all the same.
        for family_id in {*ended, *tx.authorization_codes.cancel_of(sub, client_id)}:
            self._feed.revoke_grant(tx, base64url.encode(family_id))
        if withdrawn or ended:
            detail: dict[str, str | int | bool] = {"families_ended": len(ended)}
            record(tx, EventName.CONSENT_WITHDRAWN, facts=facts, actor=actor, sub=sub, client_id=client_id, detail=detail)
        return withdrawn or bool(ended)
