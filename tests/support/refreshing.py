"""What tests of refresh families have in common: the windows of the default settings, and what is read of a family."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import httpx2

from auth_server.store.transaction import Transaction
from tests.support.auth_app import Issuer

# The quiet window and the grace of a lost answer, in seconds.
G: Final = 30
GL: Final = 120
DAY: Final = 86_400


def the_family(issuer: Issuer) -> dict[str, Any]:
    """Return the row of the only family there is."""
    (row,) = issuer.rows("refresh_family")
    return row


def next_token(answer: httpx2.Response) -> str:
    """Return the refresh token of an answer that has one."""
    assert answer.status_code == 200, answer.text
    token: str = answer.json()["refresh_token"]
    return token


def wiped(issuer: Issuer) -> int:
    """Do what the job does with successors that nobody may ask for any more; return how many it forgot."""
    return issuer.store.run_blocking(lambda tx: tx.refresh_tokens.wipe_replays(grace_ms=GL * 1000, quiet_ms=G * 1000))


async def let_rotate(issuer: Issuer, client_id: str) -> None:
    """Have the tokens of a confidential client rotate."""
    client = await issuer.services.clients.find(client_id)
    assert client is not None
    changed = replace(client, rotates_refresh_tokens=True)

    def work(tx: Transaction) -> None:
        tx.clients.update(changed)
        tx.change_directory()

    await issuer.store.run(work)
