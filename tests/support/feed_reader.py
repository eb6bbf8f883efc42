"""A reader of the revocation feed, and somebody who revokes."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable
from typing import Any, Final

from auth_server.endpoints.revocation_feed import RevocationFeedEndpoint
from auth_server.revocation.feed import Feed
from auth_server.store.transaction import Transaction
from shared.key_policy import KeyPolicy
from tests.support.auth_app import Issuer

FEED: Final = Feed(KeyPolicy())


def opened(body: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return header and payload of a page; its signature is somebody else's question."""
    header, payload = (json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))) for part in body.split(".")[:2])
    return header, payload


async def page_of(issuer: Issuer, query: str = "") -> dict[str, Any]:
    """Ask for a page."""
    answer = await issuer.http.get(f"/revocation-feed{query}")
    assert answer.status_code == 200, answer.text
    return opened(answer.text)[1]


async def revoke(issuer: Issuer, *grants: str) -> None:
    """Revoke grants, in one commit."""

    def work(tx: Transaction) -> None:
        for grant in grants:
            FEED.revoke_grant(tx, grant)

    await issuer.store.run(work)


def watch_of(issuer: Issuer) -> Any:
    """Return what the feed's door watches with."""
    return next(door for door in issuer.app._fixed.values() if isinstance(door, RevocationFeedEndpoint))._watch


async def until(condition: Callable[[], bool]) -> None:
    """Wait until something holds; ten seconds at most."""
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0)
