"""What a token is worth now, for those who may know (RFC 7662 section 2.2).

Who may: the client that a token was issued to, and whoever stands for the resource that an access token is addressed to. For everybody
else, and for whatever is over, unknown or rubbish, there is one answer, and it says nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from auth_server.protocol.client import Client
from auth_server.protocol.errors import InvalidGrant
from auth_server.protocol.refresh import RefreshPolicy, RefreshToken, Step, classify, is_live
from auth_server.store.refresh_tokens import FamilyFacts
from auth_server.store.store import Store
from auth_server.tokens.families import Families
from auth_server.tokens.local_verifier import LocalVerifier, NotOurs
from shared import scope

INACTIVE: Final[Mapping[str, Any]] = {"active": False}
# What presenting it would give a token; the others are refusals, some of which end the family, and asking must not.
_GOOD: Final = frozenset({Step.ROTATE, Step.REPEAT, Step.REPLAY, Step.KEEP})


class Introspection:
    """Answers about tokens of this issuer. Nothing is changed by asking."""

    def __init__(self, *, verifier: LocalVerifier, families: Families, policy: RefreshPolicy, store: Store, issuer: str) -> None:
        self._verifier = verifier
        self._families = families
        self._policy = policy
        self._store = store
        self._issuer = issuer

    async def about(self, text: str, client: Client) -> Mapping[str, Any]:
        """Return what this client may know of a token.

        Raises:
            KeyUnavailable, StoreUnavailable: it cannot be judged now.
        """
        return await (self._about_access_token if text.count(".") == 2 else self._about_refresh_token)(text, client)

    async def _about_access_token(self, text: str, client: Client) -> Mapping[str, Any]:
        try:
            token = await self._verifier.access_token(text)
        except NotOurs:
            return INACTIVE
        is_own = token.text("client_id") == client.client_id
        if not is_own and token.audience.isdisjoint(client.introspects):
            return INACTIVE
        return {"active": True, "token_type": "Bearer", **token.claims}

    async def _about_refresh_token(self, text: str, client: Client) -> Mapping[str, Any]:
        try:
            token = self._families.read(text)
        except InvalidGrant:
            return INACTIVE
        facts = await self._store.read(lambda tx: self._families.load(tx, token, client.client_id))
        return INACTIVE if facts is None or not self._is_good(token, facts, client) else self._told(facts, client)

    def _is_good(self, token: RefreshToken, facts: FamilyFacts, client: Client) -> bool:
        lives = is_live(facts.family, facts.now_ms) and facts.account_live and facts.session_live
        return lives and classify(token, facts.family, client, self._policy, facts.now_ms) in _GOOD

    def _told(self, facts: FamilyFacts, client: Client) -> Mapping[str, Any]:
        family = facts.family
        return {
            "active": True,
            "iss": self._issuer,
            "client_id": client.client_id,
            "sub": family.subject,
            "aud": family.resource,
            "scope": scope.format(family.scope),
            "exp": min(family.idle_expires_at, family.absolute_expires_at) // 1000,
            "grant_id": family.grant_id,
        }
