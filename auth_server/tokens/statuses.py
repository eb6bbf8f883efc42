"""A place in a status list for each access token: from a block of indexes that this replica has to itself, in random order."""

from __future__ import annotations

import asyncio
import random
import secrets
from collections.abc import Mapping
from typing import Any, Final

from auth_server.store.status_lists import BLOCK_INDEXES, Block, StatusToken
from auth_server.store.store import Store
from auth_server.store.transaction import Transaction
from shared.key_policy import KeyPolicy
from shared.status_list import PATH, STATUS_LIST

# A block that is not used up in this time is let go, so that its list can be retired; seconds.
LEASE_SECONDS: Final = 3_600
_ID_BYTES: Final = 16
_RANDOM: Final = random.SystemRandom()


class PlaceLost(Exception):
    """The list that a place was drawn from is gone: the database was restored. Nothing was stored; draw another."""

    def __init__(self, list_id: str) -> None:
        super().__init__("the status list of this token is not in the database any more")
        self.list_id = list_id


class Statuses:
    """Draws places. An index is drawn once: whether its token is answered or thrown away, it never comes again."""

    def __init__(self, store: Store, issuer: str, policy: KeyPolicy) -> None:
        self._store = store
        self._issuer = issuer
        self._policy = policy
        self._list_id = ""
        self._left: list[int] = []
        self._usable_until = 0
        self._leasing: asyncio.Task[None] | None = None

    async def draw(self) -> tuple[str, int]:
        """Return a list's id and an index; no database as long as the block lasts.

        Raises:
            StoreUnavailable: a new block could not be taken.
        """
        while not self._left or self._store.clock.now() >= self._usable_until:
            # Many may come in the same moment; one block is taken for all of them.
            loop = asyncio.get_running_loop()
            if self._leasing is None or self._leasing.done() or self._leasing.get_loop() is not loop:
                self._leasing = loop.create_task(self._lease())
            await asyncio.shield(self._leasing)
        return self._list_id, self._left.pop()

    def let_go(self, list_id: str) -> None:
        """Draw no more from a list that is gone."""
        if self._list_id == list_id:
            self._left = []

    def claim(self, place: tuple[str, int]) -> dict[str, object]:
        """Return the `status` claim of a place (draft-ietf-oauth-status-list-21 section 6.1)."""
        list_id, index = place
        return {STATUS_LIST: {"idx": index, "uri": uri_of(self._issuer, list_id)}}

    def token(self, place: tuple[str, int], claims: Mapping[str, Any]) -> StatusToken:
        """Return what has to be written down of the token with these claims."""
        return StatusToken(
            list_id=place[0],
            index=place[1],
            jti=claims["jti"],
            sub=claims["sub"],
            client_id=claims["client_id"],
            grant_id=claims.get("grant_id"),
            sid=claims.get("sid"),
            issued_at=claims["iat"],
            until=claims["exp"] + self._slack(),
        )

    def settle(self, tx: Transaction, token: StatusToken) -> None:
        """Write down which token has a place, in the transaction that settles it.

        Raises:
            PlaceLost: there is no such list any more.
        """
        if not tx.status_lists.add(token):
            raise PlaceLost(token.list_id)

    def _slack(self) -> int:
        return int(self._policy.leeway + 2 * self._policy.clock_error) + 1

    async def _lease(self) -> None:
        usable_until = self._store.clock.now() + LEASE_SECONDS
        until = usable_until + int(self._policy.access_token_lifetime) + 1 + self._slack()
        block: Block | None = None
        while block is None:
            new_id = secrets.token_urlsafe(_ID_BYTES)
            block = await self._store.run(lambda tx, new_id=new_id: tx.status_lists.lease(new_id, until=until))  # type: ignore[misc]
        first = block.number * BLOCK_INDEXES
        # In order, they would tell who reads two tokens which was issued first, and how many in between.
        left = list(range(first, first + BLOCK_INDEXES))
        _RANDOM.shuffle(left)
        self._list_id, self._left, self._usable_until = block.list_id, left, usable_until


def uri_of(issuer: str, list_id: str) -> str:
    """Return the address of a list."""
    return f"{issuer}{PATH}/{list_id}"
