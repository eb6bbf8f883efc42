"""End one access token before its time (RFC 7009)."""

from __future__ import annotations

from auth_server.audit.events import EventName
from auth_server.audit.log import record
from auth_server.revocation.feed import Feed
from auth_server.store.transaction import Transaction
from auth_server.tokens.local_verifier import OwnToken
from auth_server.web.request_facts import RequestFacts


def end_access_token(
    tx: Transaction, feed: Feed, token: OwnToken, reason: str, *, facts: RequestFacts, actor: str | None = None
) -> None:
    """Name a verified, living token dead, in the caller's transaction. Its grant and session live on."""
    jti = str(token.claims["jti"])
    feed.revoke_token(tx, jti)
    record(
        tx,
        EventName.TOKEN_REVOKED,
        facts=facts,
        actor=actor,
        sub=token.text("sub"),
        client_id=token.text("client_id"),
        grant_id=token.text("grant_id"),
        detail={"reason": reason, "jti": jti},
    )
