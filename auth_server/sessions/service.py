"""Start, find, list and end sign-in sessions."""

from __future__ import annotations

import secrets
from typing import Final

from auth_server.audit.events import EventName
from auth_server.audit.log import record
from auth_server.revocation.feed import Feed
from auth_server.sessions.rules import acr_of, is_worth_touching
from auth_server.store.sessions import NewSession, Session
from auth_server.store.store import Store
from auth_server.store.transaction import Transaction
from auth_server.web.request_facts import RequestFacts
from shared import base64url

_SID_BYTES: Final = 16
_MAX_USER_AGENT: Final = 200
_MAX_LISTED: Final = 100


class Sessions:
    """Sign-in sessions.

    Args:
        idle_lifetime: seconds after its last use at which a session is over.
        lifetime: seconds after its start at which it is over in any case.
    """

    def __init__(self, *, store: Store, feed: Feed, idle_lifetime: float, lifetime: float) -> None:
        self._store = store
        self._feed = feed
        self._idle_ms = round(min(idle_lifetime, lifetime) * 1000)
        self._absolute_ms = round(lifetime * 1000)

    def start(
        self,
        tx: Transaction,
        sub: str,
        *,
        amr: tuple[str, ...],
        facts: RequestFacts | None = None,
        user_agent: str | None = None,
    ) -> Session:
        """Start a session in the caller's transaction, which holds the account (`Accounts.lock`).

        Args:
            amr: how the person proved who they are (RFC 8176).
            user_agent: what the browser calls itself, for the person's own list of sessions.
        """
        new = NewSession(
            sid=base64url.encode(secrets.token_bytes(_SID_BYTES)),
            sub=sub,
            acr=acr_of(amr),
            amr=amr,
            idle_ms=self._idle_ms,
            absolute_ms=self._absolute_ms,
            address=facts.address if facts else None,
            user_agent=_shown(user_agent),
        )
        session = tx.sessions.start(new)
        record(tx, EventName.SESSION_STARTED, facts=facts, sub=sub, sid=session.sid)
        return session

    async def use(self, sid: str) -> Session | None:
        """Return a live session and count this as a use of it; None when there is none or it is over.

        Raises:
            StoreUnavailable: the database did not answer.
        """
        session = await self._store.read(lambda tx: tx.sessions.find_live(sid))
        if session is None or not is_worth_touching(session, self._store.clock.now_ms(), self._idle_ms):
            return session
        return await self._store.run(lambda tx: tx.sessions.touch(sid, self._idle_ms))

    async def list(self, sub: str) -> list[Session]:
        """Return the live sessions of an account, newest first, at most 100.

        Raises:
            StoreUnavailable: the database did not answer.
        """
        return await self._store.read(lambda tx: tx.sessions.live_of(sub, _MAX_LISTED))

    async def end(self, sid: str, reason: str, *, actor: str | None = None, facts: RequestFacts | None = None) -> bool:
        """End one session and its access tokens; False when there is none or it was ended already.

        Raises:
            StoreUnavailable: the database did not answer.
        """
        return await self._store.run(lambda tx: self.end_in(tx, sid, reason, actor=actor, facts=facts))

    async def end_all(
        self,
        sub: str,
        reason: str,
        *,
        keep_sid: str | None = None,
        actor: str | None = None,
        facts: RequestFacts | None = None,
    ) -> int:
        """End every session of an account, all but `keep_sid`, and their access tokens; return how many were ended.

        Raises:
            StoreUnavailable: the database did not answer.
        """

        def work(tx: Transaction) -> int:
            ended = tx.sessions.end_all(sub, reason, keep_sid=keep_sid)
            for sid in ended:
                self._leave_behind(tx, sid, sub, reason, actor, facts)
            return len(ended)

        return await self._store.run(work)

    def end_in(
        self, tx: Transaction, sid: str, reason: str, *, actor: str | None = None, facts: RequestFacts | None = None
    ) -> bool:
        """End one session in the caller's transaction; otherwise like `end`."""
        ended = tx.sessions.end(sid, reason)
        if ended is None:
            return False
        self._leave_behind(tx, sid, ended.sub, reason, actor, facts)
        return True

    def _leave_behind(
        self, tx: Transaction, sid: str, sub: str, reason: str, actor: str | None, facts: RequestFacts | None
    ) -> None:
        tx.refresh_tokens.revoke_of_session(sid, reason)
        self._feed.revoke_session(tx, sid)
        record(tx, EventName.SESSION_ENDED, facts=facts, actor=actor, sub=sub, sid=sid, detail={"reason": reason})


def _shown(user_agent: str | None) -> str | None:
    if user_agent is None:
        return None
    return "".join(character for character in user_agent[:_MAX_USER_AGENT] if character.isprintable())
