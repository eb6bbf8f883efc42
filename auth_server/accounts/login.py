"""Signing in with a name and a password.

Every cause of refusal has one answer and costs one look-up, one counted guess, one hash and one record, in this order, whether or not
there is such an account. What is refused for its pace never reaches the hash.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

from auth_server.accounts.names import key_at_sign_in
from auth_server.accounts.passwords import Passwords
from auth_server.audit.events import EventName
from auth_server.audit.log import record
from auth_server.protocol.errors import ApiError
from auth_server.rate_limits.guesses import GuessLimits, Verdict
from auth_server.store.accounts import Account, SignInFacts
from auth_server.store.sessions import Session
from auth_server.store.store import Store
from auth_server.store.transaction import Transaction
from auth_server.web.browser import CookieChange
from auth_server.web.request_facts import RequestFacts

# What no account is found by.
_NOBODY = ""


class StartsSessions(Protocol):
    """Starts a sign-in session in the caller's transaction."""

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
        """Start it."""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Somebody proved who they are. `device_cookie` is the value of the known-device cookie to set."""

    account: Account
    roles: frozenset[str]
    session: Session
    device_cookie: str


class Login:
    """Signs people in with their passwords."""

    def __init__(self, *, store: Store, passwords: Passwords, limits: GuessLimits, sessions: StartsSessions) -> None:
        self._store = store
        self._passwords = passwords
        self._limits = limits
        self._sessions = sessions

    async def sign_in(
        self,
        username_or_email: str,
        password: str,
        facts: RequestFacts,
        *,
        user_agent: str | None = None,
        browser: CookieChange | None = None,
    ) -> SignedIn:
        """Check a password and start a session.

        Args:
            username_or_email: as typed; an address counts only when it was verified.
            user_agent, browser: of a person at a page: see `Sessions.start`.

        Raises:
            ApiError: 401 `invalid_credentials`, whatever the cause; 429 `slow_down`; 503 `overloaded`.
            KeyUnavailable: the server's secrets are not unsealed.
            StoreUnavailable: the database did not answer.
        """
        # 1. Who would that be?
        key = key_at_sign_in(username_or_email)
        found = await self._store.read(lambda tx: tx.accounts.find_for_sign_in(_NOBODY if key is None else key))
        # 2. Count the guess.
        whose = found.account.sub if found else f"?{username_or_email if key is None else key}"
        verdict = await self._count(whose, found, facts)
        # 3. Look at the password.
        matches = await self._matches(verdict, found, password)
        # 4. Refuse, or start the session.
        if found is None or not matches or found.account.is_disabled:
            raise await self._refuse(found, matches, facts)
        signed_in = await self._store.run(lambda tx: self._open(tx, found, verdict, facts, user_agent, browser))
        if signed_in is None:
            raise await self._refuse(found, matches, facts)
        # 5. Renew a digest of other parameters.
        await self._renew(found, password)
        return signed_in

    async def look_again(self, signed_in: SignedIn) -> SignedIn:
        """Return the sign-in with the roles of now, because something of it changed a moment ago.

        Raises:
            ApiError: 401 `invalid_credentials`: what changed ended it.
            StoreUnavailable: the database did not answer.
        """

        def look(tx: Transaction) -> SignedIn | None:
            account = tx.accounts.find(signed_in.account.sub)
            if account is None or account.is_disabled or tx.sessions.find_live(signed_in.session.sid) is None:
                return None
            return replace(signed_in, account=account, roles=tx.roles.of(account.sub))

        seen = await self._store.read(look)
        if seen is None:
            raise _wrong()
        return seen

    async def check_password(self, sub: str, password: str, facts: RequestFacts) -> None:
        """Check the password of somebody who is signed in already; guesses count as at sign-in, and no session is started.

        Raises:
            ApiError: 401 `invalid_credentials`; 429 `slow_down`; 503 `overloaded`.
            StoreUnavailable: the database did not answer.
        """
        account = await self._store.read(lambda tx: tx.accounts.find(sub))
        found = None if account is None else SignInFacts(account, await self._store.read(lambda tx: tx.credentials.digest(sub)))
        verdict = await self._count(sub, found, facts)
        matches = await self._matches(verdict, found, password)
        if found is None or not matches or found.account.is_disabled:
            raise await self._refuse(found, matches, facts)
        await self._store.run(lambda tx: self._limits.succeed(tx, verdict))

    async def _count(self, whose: str, found: SignInFacts | None, facts: RequestFacts) -> Verdict:
        verdict = await self._store.run(lambda tx: self._admit(tx, whose, found, facts))
        if not verdict.admitted:
            raise ApiError(429, "slow_down", "Too many attempts. Try again later.", retry_after=verdict.retry_after)
        return verdict

    def _admit(self, tx: Transaction, whose: str, found: SignInFacts | None, facts: RequestFacts) -> Verdict:
        verdict = self._limits.admit(tx, whose, facts)
        if verdict.is_worth_recording:
            sub = found.account.sub if found else None
            detail: dict[str, str | int | bool] = {"gate": verdict.gate, "refusals": verdict.refusals}
            record(tx, EventName.LOGIN_SLOWED, outcome="slowed", facts=facts, sub=sub, detail=detail)
        return verdict

    async def _matches(self, verdict: Verdict, found: SignInFacts | None, password: str) -> bool:
        try:
            return await self._passwords.matches(found.digest if found else None, password)
        except ApiError:
            # Nobody looked at it: the hashing is busy, and that must not count against whoever asked.
            await self._store.run(lambda tx: self._limits.withdraw(tx, verdict))
            raise

    async def _refuse(self, found: SignInFacts | None, matches: bool, facts: RequestFacts) -> ApiError:
        sub = found.account.sub if found else None
        cause = "unknown_name" if found is None else "account_disabled" if matches else "wrong_password"
        await self._store.run(lambda tx: record(tx, EventName.LOGIN_FAILED, outcome=cause, facts=facts, sub=sub))
        return _wrong()

    def _open(
        self,
        tx: Transaction,
        found: SignInFacts,
        verdict: Verdict,
        facts: RequestFacts,
        user_agent: str | None,
        browser: CookieChange | None,
    ) -> SignedIn | None:
        """Start the session if the account and its password are still what was checked; None when they are not."""
        sub = found.account.sub
        self._limits.succeed(tx, verdict)
        account = tx.accounts.lock(sub)
        if account is None or account.is_disabled or tx.credentials.digest(sub) != found.digest:
            return None
        session = self._sessions.start(tx, sub, amr=("pwd",), facts=facts, user_agent=user_agent, browser=browser)
        record(tx, EventName.LOGIN_SUCCEEDED, facts=facts, sub=sub, sid=session.sid)
        return SignedIn(account, tx.roles.of(sub), session, self._limits.device_cookie(facts, sub, tx.clock.now()))

    async def _renew(self, found: SignInFacts, password: str) -> None:
        digest = found.digest
        if digest is None or not self._passwords.is_outdated(digest):
            return
        try:
            renewed = await self._passwords.hash(password)
        except ApiError:
            return  # the hashing is busy; the next sign-in tries again
        await self._store.run(lambda tx: _replace_digest(tx, found.account.sub, digest, renewed))


def _wrong() -> ApiError:
    return ApiError(401, "invalid_credentials", "The name or the password is wrong.")


def _replace_digest(tx: Transaction, sub: str, old: str, new: str) -> None:
    if tx.credentials.rehash(sub, old=old, new=new):
        record(tx, EventName.PASSWORD_REHASHED, sub=sub)
