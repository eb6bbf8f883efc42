"""What is done to an account after it was made: disable, enable, change its password, forget failed guesses.

What ends access ends all of it in one transaction: sessions, tokens that are out, and whoever is just signing in.
"""

from __future__ import annotations

from auth_server.accounts.letters import Kind, Letters
from auth_server.accounts.names import fold, key_at_sign_in
from auth_server.accounts.passwords import Passwords
from auth_server.accounts.tickets import void_on_password_change
from auth_server.audit.events import EventName
from auth_server.audit.log import record
from auth_server.rate_limits.guesses import GuessLimits
from auth_server.revocation.feed import Feed
from auth_server.store.accounts import Account
from auth_server.store.store import Store
from auth_server.store.transaction import Transaction
from auth_server.web.request_facts import RequestFacts


class UnknownAccount(LookupError):
    """There is no such account."""


class Administration:
    """Looks after accounts, for operators and for their owners."""

    def __init__(self, *, store: Store, passwords: Passwords, limits: GuessLimits, feed: Feed, letters: Letters) -> None:
        self._store = store
        self._letters = letters
        self._passwords = passwords
        self._limits = limits
        self._feed = feed

    async def find(self, name: str) -> Account | None:
        """Return the account with this user name, verified address or `sub`; None when there is none."""
        key = key_at_sign_in(name)

        def look(tx: Transaction) -> Account | None:
            if key is None:
                return None
            by_name = tx.accounts.find_for_sign_in(key)
            return by_name.account if by_name else tx.accounts.find(name)

        return await self._store.read(look)

    async def page(self, after: Account | None = None, *, limit: int = 100) -> list[Account]:
        """Return up to `limit` accounts in the order of their folded names, behind `after`."""
        return await self._store.read(lambda tx: tx.accounts.after(fold(after.username) if after else "", limit))

    async def disable(self, sub: str, reason: str, *, actor: str = "operator") -> bool:
        """Disable an account and end everything it has; False when it was disabled already.

        Its sessions end, its tokens are refused within seconds, and no refresh token of it is good for anything.

        Raises:
            UnknownAccount: there is none.
            StoreUnavailable: the database did not answer.
        """
        return await self._store.run(lambda tx: self._disable(tx, sub, reason, actor))

    async def enable(self, sub: str, *, actor: str = "operator") -> bool:
        """Enable an account; False when it was not disabled. What ended with it stays ended.

        Raises:
            UnknownAccount: there is none.
            StoreUnavailable: the database did not answer.
        """
        return await self._store.run(lambda tx: self._enable(tx, sub, actor))

    async def set_password(
        self,
        sub: str,
        password: str,
        *,
        actor: str | None = "operator",
        facts: RequestFacts | None = None,
        keep_sid: str | None = None,
        may_be_weak: bool = False,
    ) -> None:
        """Give an account another password; sessions end, all but `keep_sid`, and so do tokens that are out.

        Args:
            actor: None when the owner does it.
            keep_sid: the session in which the owner does it. Its access tokens end too; it may have new ones.

        Raises:
            UnknownAccount: there is none.
            ApiError: 422 `weak_password` with reasons; 503 `overloaded`.
            StoreUnavailable: the database did not answer.
        """
        account = await self._store.read(lambda tx: _found(tx, sub))
        await self._passwords.refuse_weak(password, names=(account.username, account.email), may_be_weak=may_be_weak)
        digest = await self._passwords.hash(password)

        def work(tx: Transaction) -> None:
            self.hold(tx, sub)
            self.put_password_in_place(tx, sub, digest, actor=actor, facts=facts, keep_sid=keep_sid)

        await self._store.run(work)

    def hold(self, tx: Transaction, sub: str) -> Account:
        """Hold an account whose password is to change, in the caller's transaction; its failed guesses are forgotten.

        Raises:
            UnknownAccount: there is none.
        """
        # Counters before the account, as at sign-in: two units that lock in different orders would wait for each other.
        self._limits.forgive(tx, sub)
        account = tx.accounts.lock(sub)
        if account is None:
            raise UnknownAccount(sub)
        return account

    def put_password_in_place(
        self,
        tx: Transaction,
        sub: str,
        digest: str,
        *,
        actor: str | None = None,
        facts: RequestFacts | None = None,
        keep_sid: str | None = None,
    ) -> None:
        """Give an account that the caller holds (`hold`) another password; end what ends with the old one, and write to its owner.

        Raises:
            UnknownAccount: there is none.
        """
        account = _found(tx, sub)
        tx.credentials.set_digest(sub, digest)
        ended = tx.sessions.end_all(sub, "password_changed", keep_sid=keep_sid)
        tx.refresh_tokens.revoke_of_subject(sub, "password_changed", keep_sid=keep_sid)
        # One entry for the person instead of one for each session: it also ends tokens that belong to no session.
        self._feed.revoke_subject(tx, sub)
        tx.signals.password_changed(sub)
        void_on_password_change(tx, sub)
        self._letters.notify(tx, Kind.PASSWORD_CHANGED, account, facts=facts)
        record(tx, EventName.PASSWORD_CHANGED, facts=facts, actor=actor, sub=sub, detail={"sessions_ended": len(ended)})

    async def unlock(self, sub: str, *, actor: str = "operator") -> bool:
        """Forget failed guesses, so that the next attempt is not slowed down; False when there were none.

        Raises:
            UnknownAccount: there is none.
            StoreUnavailable: the database did not answer.
        """
        return await self._store.run(lambda tx: self._unlock(tx, sub, actor))

    def _disable(self, tx: Transaction, sub: str, reason: str, actor: str) -> bool:
        if not tx.accounts.disable(sub, reason):
            _found(tx, sub)
            return False
        ended = tx.sessions.end_all(sub, "account_disabled")
        # Also those that outlive sessions: enabling the account again must not bring back what a thief may hold.
        tx.refresh_tokens.revoke_of_subject(sub, "account_disabled")
        self._feed.revoke_subject(tx, sub)
        tx.signals.all_sessions_ended(sub)
        record(tx, EventName.ACCOUNT_DISABLED, actor=actor, sub=sub, detail={"reason": reason, "sessions_ended": len(ended)})
        return True

    def _enable(self, tx: Transaction, sub: str, actor: str) -> bool:
        if not tx.accounts.enable(sub):
            _found(tx, sub)
            return False
        record(tx, EventName.ACCOUNT_ENABLED, actor=actor, sub=sub)
        return True

    def _unlock(self, tx: Transaction, sub: str, actor: str) -> bool:
        had_failures = self._limits.forgive(tx, sub)
        _found(tx, sub)
        if had_failures:
            record(tx, EventName.ACCOUNT_UNLOCKED, actor=actor, sub=sub)
        return had_failures


def _found(tx: Transaction, sub: str) -> Account:
    account = tx.accounts.find(sub)
    if account is None:
        raise UnknownAccount(sub)
    return account
