"""Tells clients that a session ended: takes what is due from the outbox, signs, posts, and tries again until it arrived.

The row is claimed before anything is sent and settled after, so a server that dies in between makes a delivery late or double, never
lost; a client that gets one twice signs out somebody who is out already.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import ClassVar, Final, Protocol

from auth_server.audit.events import EventName
from auth_server.audit.log import record
from auth_server.jobs.contract import Job
from auth_server.jobs.waits import doubled
from auth_server.outbound.fetch import FetchFailed
from auth_server.protocol.logout_token import LOGOUT_TOKEN_TYPE, logout_token_claims
from auth_server.store.logouts import Delivery
from auth_server.store.store import Store
from auth_server.store.transaction import Transaction

_LOG: Final = logging.getLogger(__name__)
_AT_ONCE: Final = 8
# Longer than a delivery can take, so that no other replica takes it up meanwhile.
_CLAIMED_MS: Final = 60_000
_FIRST_WAIT_MS: Final = 10_000
MOST_ATTEMPTS: Final = 24


class Signs(Protocol):
    """What signs."""

    async def sign_at(self, build: Callable[[int], Mapping[str, object]], typ: str, alg: str | None = None) -> str:
        """Return the compact JWS of the claims that `build` makes from the time."""


class DeliverLogoutTokens(Job):
    """Every two seconds; an empty outbox costs one look."""

    name: ClassVar[str] = "deliver_logout_tokens"
    interval: float = 2.0
    spread: float = 0.5

    def __init__(
        self,
        *,
        store: Store,
        signer: Signs,
        post: Callable[[str, Mapping[str, str]], Awaitable[int]],
        alg_of: Callable[[str], Awaitable[str | None]],
        issuer: str,
    ) -> None:
        self._store = store
        self._signer = signer
        self._post = post
        self._alg_of = alg_of
        self._issuer = issuer

    async def run(self) -> None:
        """Deliver what is due."""
        if not await self._store.read(lambda tx: tx.logouts.is_anything_due()):
            return
        due = await self._store.run(lambda tx: tx.logouts.claim(_AT_ONCE, wait_ms=_CLAIMED_MS))
        await asyncio.gather(*(self._deliver(delivery) for delivery in due))

    async def _deliver(self, delivery: Delivery) -> None:
        def build(issued_at: int) -> Mapping[str, object]:
            return logout_token_claims(
                issuer=self._issuer,
                client_id=delivery.client_id,
                subject=delivery.subject,
                sid=delivery.sid,
                issued_at=issued_at,
                token_id=secrets.token_urlsafe(16),
            )

        token = await self._signer.sign_at(build, LOGOUT_TOKEN_TYPE, await self._alg_of(delivery.client_id))
        try:
            status = await self._post(delivery.uri, {"logout_token": token})
            failure = None if status in (200, 204) else f"status {status}"
        except FetchFailed as error:
            failure = str(error)
        await self._store.run(lambda tx: _settle(tx, delivery, failure))
        if failure is not None:
            fields = {"client_id": delivery.client_id, "attempt": delivery.attempts + 1, "failure": failure}
            _LOG.warning("a client was not told of a sign-out", extra={"fields": fields})


def wait_ms(attempts: int) -> int:
    """Return how long to wait after so many attempts before this one."""
    return doubled(_FIRST_WAIT_MS, attempts)


def _settle(tx: Transaction, delivery: Delivery, failure: str | None) -> None:
    if failure is not None and delivery.attempts + 1 < MOST_ATTEMPTS:
        tx.logouts.put_off(delivery, wait_ms(delivery.attempts))
        return
    tx.logouts.settle(delivery)
    name = EventName.LOGOUT_DELIVERED if failure is None else EventName.LOGOUT_UNDELIVERED
    detail: dict[str, str | int | bool] = {"attempts": delivery.attempts + 1}
    outcome = "ok" if failure is None else "gave_up"
    record(tx, name, outcome=outcome, actor="job", client_id=delivery.client_id, sid=delivery.sid, detail=detail)
