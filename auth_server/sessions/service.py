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
from auth_server.web.browser import CookieChange, digest
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
        browser: CookieChange | None = None,
    ) -> Session:
        """Start a session in the caller's transaction, which holds the account (`Accounts.lock`).

        Args:
            amr: how the person proved who they are (RFC 8176).
            user_agent: what the browser calls itself, for the person's own list of sessions.
            browser: the cookie of the browser that holds the session, before and after. Where it holds a session of this person
                already, that one goes on with a new `auth_time`; the other sessions of the browser follow to the new cookie.
        """
        if browser is not None and (going_on := self._go_on(tx, sub, amr, browser, facts)) is not None:
            return going_on
        new = NewSession(
            sid=base64url.encode(secrets.token_bytes(_SID_BYTES)),
            sub=sub,
            acr=acr_of(amr),
            amr=amr,
            idle_ms=self._idle_ms,
            absolute_ms=self._absolute_ms,
            address=facts.address if facts else None,
            user_agent=_shown(user_agent),
            browser=browser.new_digest if browser else None,
        )
        session = tx.sessions.start(new)
        record(tx, EventName.SESSION_STARTED, facts=facts, sub=sub, sid=session.sid)
        return session

    async def in_browser(self, cookie: str | None) -> list[Session]:
        """Return the live sessions that a browser holds, the one with the latest sign-in first.

        Args:
            cookie: the value of its session cookie; None when it sent none.

        Raises:
            StoreUnavailable: the database did not answer.
        """
        if cookie is None:
            return []
        return await self._store.read(lambda tx: tx.sessions.in_browser(digest(cookie)))

    async def lapsed_in_browser(self, cookie: str | None) -> list[Session]:
        """Return the sessions of a browser that nobody ended and that were not used for too long: who may want to sign in again.

        Raises:
            StoreUnavailable: the database did not answer.
        """
        if cookie is None:
            return []
        return await self._store.read(lambda tx: tx.sessions.lapsed_in_browser(digest(cookie)))

    async def leave(
        self, cookie: str, sid: str, change: CookieChange, *, reason: str = "signed_out", facts: RequestFacts | None = None
    ) -> bool:
        """Sign one account out of the browser that holds its session; the others follow to the new cookie. False when it holds no
        such session.

        Raises:
            StoreUnavailable: the database did not answer.
        """

        def work(tx: Transaction) -> bool:
            if all(session.sid != sid for session in tx.sessions.in_browser(digest(cookie))):
                return False
            self.end_in(tx, sid, reason, facts=facts)
            tx.sessions.move(digest(cookie), change.new_digest)
            return True

        return await self._store.run(work)

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
        return await self._store.run(lambda tx: self.end_all_in(tx, sub, reason, keep_sid=keep_sid, actor=actor, facts=facts))

    def end_all_in(
        self,
        tx: Transaction,
        sub: str,
        reason: str,
        *,
        keep_sid: str | None = None,
        actor: str | None = None,
        facts: RequestFacts | None = None,
    ) -> int:
        """End every session of an account in the caller's transaction; otherwise like `end_all`."""
        ended = tx.sessions.end_all(sub, reason, keep_sid=keep_sid)
        for sid in ended:
            self._leave_behind(tx, sid, sub, reason, actor, facts)
        return len(ended)

    async def exchange_cookie(self, change: CookieChange) -> None:
        """Put another cookie in the place of a browser's, after a change of what it may do.

        Raises:
            StoreUnavailable: the database did not answer.
        """
        old = change.old_digest
        if old is not None:
            await self._store.run(lambda tx: tx.sessions.move(old, change.new_digest))

    def end_in(
        self, tx: Transaction, sid: str, reason: str, *, actor: str | None = None, facts: RequestFacts | None = None
    ) -> bool:
        """End one session in the caller's transaction; otherwise like `end`."""
        ended = tx.sessions.end(sid, reason)
        if ended is None:
            return False
        self._leave_behind(tx, sid, ended.sub, reason, actor, facts)
        return True

    def _go_on(
        self, tx: Transaction, sub: str, amr: tuple[str, ...], browser: CookieChange, facts: RequestFacts | None
    ) -> Session | None:
        if browser.old_digest is None:
            return None
        held = [session for session in tx.sessions.in_browser(browser.old_digest) if session.sub == sub]
        tx.sessions.move(browser.old_digest, browser.new_digest)
        if not held:
            return None
        session = tx.sessions.reauthenticate(held[0].sid, acr=acr_of(amr), amr=amr, idle_ms=self._idle_ms)
        if session is not None:
            record(tx, EventName.SESSION_REAUTHENTICATED, facts=facts, sub=sub, sid=session.sid)
        return session

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
