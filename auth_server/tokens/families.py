"""Refresh families: start one, settle the use of one, end one."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from auth_server.audit.events import EventName
from auth_server.audit.log import record
from auth_server.keys.rollback import AHEAD_OF_ITS_ROW
from auth_server.protocol.authorization import Authorization, UseFamily
from auth_server.protocol.errors import KeyUnavailable, TooManyRequests
from auth_server.protocol.refresh import Family, RefreshPolicy, RefreshToken, Step, read, spell
from auth_server.revocation.feed import Feed
from auth_server.store.refresh_tokens import FamilyFacts, Presented
from auth_server.store.transaction import Transaction
from auth_server.tokens import successor
from auth_server.web.request_facts import RequestFacts
from shared import base64url

_REPLAYS_RETRY_SECONDS: Final = 30


class MacKeys:
    """The keys that tag refresh tokens; empty until they could be unsealed.

    A server that cannot unseal them yet says so (503) instead of calling every refresh token invalid.
    """

    def __init__(self) -> None:
        self._current: int | None = None
        self._keys: Mapping[int, bytes] = {}

    def replace(self, current: int, keys: Mapping[int, bytes]) -> None:
        """Take over keys: `current` tags new tokens, all of them are recognised."""
        self._current, self._keys = current, keys

    def all(self) -> Mapping[int, bytes]:
        """Return every key by its id.

        Raises:
            KeyUnavailable: they were not unsealed yet.
        """
        if self._current is None:
            raise KeyUnavailable("the refresh tokens' MAC keys are not unsealed")
        return self._keys

    def current(self) -> tuple[int, bytes]:
        """Return the id and the key that tags new tokens.

        Raises:
            KeyUnavailable: like `all`.
        """
        keys = self.all()
        kid = self._current or 0
        return kid, keys[kid]


@dataclass(frozen=True, slots=True)
class NewFamily:
    """A family that is not stored yet, and its first token."""

    id: bytes
    token: RefreshToken

    @property
    def grant_id(self) -> str:
        """Return the family's name in tokens."""
        return base64url.encode(self.id)


class Families:
    """What is done with refresh families, in the caller's transaction."""

    def __init__(self, *, mac_keys: MacKeys, policy: RefreshPolicy, feed: Feed, session_idle_lifetime: float) -> None:
        self._mac_keys = mac_keys
        self._policy = policy
        self._feed = feed
        self._session_idle_ms = int(session_idle_lifetime * 1000)

    def read(self, text: str) -> RefreshToken:
        """Take a presented token apart.

        Raises:
            InvalidGrant: no token of ours.
        """
        return read(text, self._mac_keys.all())

    def load(self, tx: Transaction, token: RefreshToken, client_id: str) -> FamilyFacts | None:
        """Return the family of a genuine token, when it is this client's."""
        return tx.refresh_tokens.load(token.family_id, client_id, self._session_idle_ms)

    def draft(self) -> NewFamily:
        """Return a family to be: its name stands in the access token before the row exists."""
        family_id = secrets.token_bytes(16)
        return NewFamily(family_id, self._spell(family_id, 0))

    def start(
        self, tx: Transaction, family: NewFamily, authorization: Authorization, sid: str | None, facts: RequestFacts
    ) -> None:
        """Store a drafted family. Only a person's authorization has one."""
        sign_in = authorization.sign_in
        if sign_in is None:
            raise ValueError("a refresh family stems from a person's sign-in")
        tx.refresh_tokens.start(
            family_id=family.id,
            client_id=authorization.client.client_id,
            sub=authorization.person,
            subject=authorization.subject if authorization.account else None,
            sid=sid,
            scope=authorization.scope,
            resource=authorization.resource.identifier,
            for_issuer=authorization.for_issuer,
            claims=authorization.claims_text,
            digest=family.token.digest,
            idle_ms=int(self._policy.idle_lifetime * 1000),
            absolute_ms=int(self._policy.lifetime * 1000),
            auth_time=sign_in.auth_time,
            acr=sign_in.acr,
            amr=sign_in.amr,
        )
        self._record(tx, EventName.FAMILY_STARTED, authorization, family.grant_id, facts)

    def settle(self, tx: Transaction, use: UseFamily, authorization: Authorization, facts: RequestFacts) -> str | None:
        """Carry out what presenting a token means, and return the refresh token to answer with.

        None: the row was not as it had been read (another request was quicker), so read and decide again; nothing changed.
        """
        presented = Presented(use.family_id, authorization.client.client_id, use.seq, use.digest)
        if use.step is Step.ROTATE:
            return self._rotate(tx, use, presented, authorization, facts)
        if use.step is Step.REPLAY:
            return self._replay(tx, use, presented, authorization, facts)
        if use.step is Step.KEEP:
            return use.presented if tx.refresh_tokens.keep(presented, idle_ms=int(self._policy.idle_lifetime * 1000)) else None
        return use.presented if tx.refresh_tokens.mark_seen(presented) else None

    def end_by_reuse(self, tx: Transaction, family_id: bytes, facts: RequestFacts) -> None:
        """End a family whose rotated-out token was presented: the client, or somebody, holds a copy it should not."""
        ended = tx.refresh_tokens.revoke(family_id, "reuse")
        if ended is not None:
            grant_id = base64url.encode(family_id)
            self._feed.revoke_grant(tx, grant_id)
            record(
                tx, EventName.REFRESH_REUSED, outcome="revoked", facts=facts, sub=ended[0], client_id=ended[1], grant_id=grant_id
            )

    def end_by_code_replay(self, tx: Transaction, family_id: bytes, sub: str, client_id: str, facts: RequestFacts) -> None:
        """End what a code became, when the code is presented again: also a grant that has no refresh tokens."""
        grant_id = base64url.encode(family_id)
        tx.refresh_tokens.revoke(family_id, "code_replayed")
        self._feed.revoke_grant(tx, grant_id)
        record(tx, EventName.CODE_REPLAYED, outcome="revoked", facts=facts, sub=sub, client_id=client_id, grant_id=grant_id)

    def end_suspicious(self, tx: Transaction, family: Family, facts: RequestFacts) -> None:
        """End a family that was replayed in too many generations on end, where the policy says so."""
        self._tell_suspicious(tx, family.grant_id, family.sub, family.client_id, facts, outcome="revoked")
        self.end(tx, family.id, "suspicious_replays", facts)

    def end(self, tx: Transaction, family_id: bytes, reason: str, facts: RequestFacts) -> None:
        """End a family on request; ending an ended one changes nothing."""
        ended = tx.refresh_tokens.revoke(family_id, reason)
        if ended is not None:
            grant_id = base64url.encode(family_id)
            self._feed.revoke_grant(tx, grant_id)
            detail: dict[str, str | int | bool] = {"reason": reason}
            record(tx, EventName.FAMILY_REVOKED, facts=facts, sub=ended[0], client_id=ended[1], grant_id=grant_id, detail=detail)

    def tell_rollback(self, tx: Transaction, family: Family, facts: RequestFacts) -> None:
        """Record that a genuine token is ahead of its row: the database lost commits. Nobody is logged out for that.

        What else was lost may be a burned key or a revocation, so nothing is signed until an operator has settled it. A family that
        began before the last restore explains itself, or its holder could halt the issuer again and again.
        """
        halted = tx.key_incidents.raise_halt(AHEAD_OF_ITS_ROW, known_since=family.auth_time * 1000)
        record(
            tx,
            EventName.STATE_ROLLBACK_DETECTED,
            outcome="alarm" if halted else "known",
            facts=facts,
            client_id=family.client_id,
            grant_id=family.grant_id,
        )

    def tell_throttled(self, tx: Transaction, family_id: bytes, client_id: str, facts: RequestFacts) -> None:
        """Record that one generation was replayed more often than a bad network explains."""
        grant_id = base64url.encode(family_id)
        record(tx, EventName.REFRESH_THROTTLED, outcome="slowed", facts=facts, client_id=client_id, grant_id=grant_id)

    def _rotate(
        self, tx: Transaction, use: UseFamily, presented: Presented, authorization: Authorization, facts: RequestFacts
    ) -> str | None:
        token = self._spell(use.family_id, use.seq + 1)
        rotated = tx.refresh_tokens.rotate(
            presented,
            new_hash=token.digest,
            blob=successor.seal(token.text, under=use.presented, family_id=use.family_id, seq=token.seq),
            quiet_ms=int(self._policy.quiet_window * 1000),
            idle_ms=int(self._policy.idle_lifetime * 1000),
        )
        if not rotated:
            return None
        self._record(tx, EventName.REFRESH_ROTATED, authorization, base64url.encode(use.family_id), facts, seq=token.seq)
        return token.text

    def _replay(
        self, tx: Transaction, use: UseFamily, presented: Presented, authorization: Authorization, facts: RequestFacts
    ) -> str | None:
        grace = self._policy.retry_grace_of(authorization.client, is_bound=use.is_bound)
        replayed = tx.refresh_tokens.replay(presented, quiet_ms=int(self._policy.quiet_window * 1000), grace_ms=int(grace * 1000))
        if replayed is None:
            return None
        text = successor.unseal(replayed.blob, under=use.presented, family_id=use.family_id, seq=use.seq + 1)
        grant_id = base64url.encode(use.family_id)
        self._record(tx, EventName.REFRESH_REPLAYED, authorization, grant_id, facts, seq=use.seq + 1)
        if replayed.is_suspicious:
            self._tell_suspicious(tx, grant_id, authorization.person, authorization.client.client_id, facts, outcome="alarm")
        return text

    def _tell_suspicious(
        self, tx: Transaction, grant_id: str, sub: str, client_id: str, facts: RequestFacts, *, outcome: str
    ) -> None:
        name = EventName.REFRESH_REPLAY_SUSPICIOUS
        record(tx, name, outcome=outcome, facts=facts, sub=sub, client_id=client_id, grant_id=grant_id)

    def _spell(self, family_id: bytes, seq: int) -> RefreshToken:
        kid, key = self._mac_keys.current()
        return spell(mac_kid=kid, mac_key=key, family_id=family_id, seq=seq, secret=secrets.token_bytes(32))

    def _record(
        self, tx: Transaction, name: EventName, authorization: Authorization, grant_id: str, facts: RequestFacts, seq: int = 0
    ) -> None:
        client_id = authorization.client.client_id
        record(tx, name, facts=facts, sub=authorization.person, client_id=client_id, grant_id=grant_id, detail={"seq": seq})


def too_many_replays() -> TooManyRequests:
    """Return the refusal of a generation that was replayed too often; the family lives on."""
    return TooManyRequests("this refresh token was retried too often", retry_after=_REPLAYS_RETRY_SECONDS)
