"""Steps 4 and 5 of the pipeline: decide on what a client presents, sign, settle; again when somebody else got ahead."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final

from auth_server.grants.contract import Grant, Outlives
from auth_server.outbound.fetch import NeedsFetch
from auth_server.protocol.authorization import Authorization
from auth_server.protocol.client import Client
from auth_server.protocol.directory import Directory
from auth_server.protocol.errors import TemporarilyUnavailable
from auth_server.store.store import Store
from auth_server.store.transaction import Transaction
from auth_server.tokens.issuer import TokenAnswer, TokenIssuer
from auth_server.web.request_facts import RequestFacts

# A row that changes under a request is read again; each time somebody else got ahead, so three times is a crowd.
_ATTEMPTS: Final = 3
# A foreign issuer's metadata, its keys, and its keys anew; then once more to read.
_FETCHES: Final = 4
# Gets a document that a decision lacked, so that it is remembered; never raises.
Fetch = Callable[[str, float], Awaitable[object]]


class Redemption:
    """Turns what a grant parsed into an answer."""

    def __init__(self, *, directory: Callable[[], Awaitable[Directory]], issuer: TokenIssuer, store: Store, fetch: Fetch) -> None:
        self._directory = directory
        self._issuer = issuer
        self._store = store
        self._fetch = fetch

    async def redeem(self, grant: Grant[Any, Any], asked: Any, client: Client, facts: RequestFacts) -> TokenAnswer:
        """Return the answer; it is durable.

        Raises:
            OAuthError: refused. What had to outlive the refusal is stored.
            InternalError: it could not be decided or stored, and nothing was changed.
        """
        for _ in range(_ATTEMPTS):
            moment = self._issuer.moment()
            authorization = await self._decide(grant, asked, client, facts)
            answer = await self._issuer.issue(authorization, facts, moment)
            if answer is not None:
                return answer
        raise TemporarilyUnavailable("too many requests use this grant at once", retry_after=1)

    async def _decide(self, grant: Grant[Any, Any], asked: Any, client: Client, facts: RequestFacts) -> Authorization:
        directory = await self._directory()
        read = await self._read(grant, asked, client) if grant.reads else None
        try:
            return grant.decide(asked, read, client, directory, self._store.clock.now_ms())
        except Outlives as outcome:
            # In a transaction of its own: the refusal that follows must not undo it. If it cannot be stored, the answer is 503, so
            # that nobody believes a family ended that lives on.
            await self._store.run(partial(_settle, outcome, facts))
            raise outcome.refusal from None

    async def _read(self, grant: Grant[Any, Any], asked: Any, client: Client) -> Any:
        for _ in range(_FETCHES):
            try:
                return await self._store.read(lambda tx: grant.load(asked, client, tx))
            except NeedsFetch as needs:
                # Outside the transaction; the URL comes from a registration, never from this request.
                await self._fetch(needs.url, needs.max_age)
        raise TemporarilyUnavailable("what this grant depends on cannot be read now", retry_after=60)


def _settle(outcome: Outlives, facts: RequestFacts, tx: Transaction) -> None:
    outcome.aftermath(tx, facts)
