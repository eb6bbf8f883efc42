"""A forgotten password, and an account that somebody else got at: both go by the mailbox that was verified.

Asking has one answer and one cost, whether or not there is such an account. What changes the password ends every session, and a letter
tells of it.
"""

from __future__ import annotations

from auth_server.accounts.administration import Administration, UnknownAccount
from auth_server.accounts.letters import Kind, Letters, language_of
from auth_server.accounts.names import key_at_sign_in, parse_email
from auth_server.accounts.passwords import Passwords
from auth_server.accounts.tickets import Purpose, TicketRef, Tickets
from auth_server.audit.events import EventName
from auth_server.audit.log import record
from auth_server.languages.catalogue import DEFAULT
from auth_server.rate_limits.letters import LetterLimits
from auth_server.revocation.feed import Feed
from auth_server.store.accounts import Account
from auth_server.store.store import Store
from auth_server.store.tickets import StoredTicket
from auth_server.store.transaction import Transaction
from auth_server.web.request_facts import RequestFacts

# What no account is found by.
_NOBODY = ""


class _Spent(Exception):
    """Somebody used the ticket a moment before."""


class Recovery:
    """Resets passwords by mail, and secures accounts."""

    def __init__(
        self,
        *,
        store: Store,
        passwords: Passwords,
        tickets: Tickets,
        letters: Letters,
        limits: LetterLimits,
        feed: Feed,
        administration: Administration,
    ) -> None:
        self._store = store
        self._passwords = passwords
        self._tickets = tickets
        self._letters = letters
        self._limits = limits
        self._feed = feed
        self._administration = administration

    async def ask(self, name: str, facts: RequestFacts, *, language: str = DEFAULT, interaction: str | None = None) -> None:
        """Have a link sent to the verified address of an account, if there is one; nothing tells whether it was.

        Args:
            name: user name or mail address, as typed.
            interaction: the authorization request that goes on afterwards.

        Raises:
            ApiError: 429 `slow_down`; too many letters were asked for from there.
            StoreUnavailable: the database did not answer.
        """
        key = key_at_sign_in(name)
        found = await self._store.read(lambda tx: tx.accounts.find_for_sign_in(_NOBODY if key is None else key))
        account = found.account if found else None

        def work(tx: Transaction) -> int | None:
            verdict = self._limits.charge(tx, "reset", account.sub if account else f"?{name if key is None else key}", facts)
            if verdict.may_send:
                self._send(tx, account, facts, language, interaction)
            return verdict.retry_after

        self._limits.refuse(await self._store.run(work))

    async def find(self, token: str | None, purpose: Purpose) -> tuple[StoredTicket, Account] | None:
        """Look at a ticket that lets its holder set a password, and at its account; nothing is used.

        Raises:
            StoreUnavailable: the database did not answer.
        """

        def look(tx: Transaction) -> tuple[StoredTicket, Account] | None:
            ticket = self._tickets.find(tx, token, purpose)
            account = None if ticket is None else tx.accounts.find(ticket.sub)
            return None if ticket is None or account is None or account.is_disabled else (ticket, account)

        return await self._store.read(look)

    async def reset(self, token: str | None, password: str, facts: RequestFacts) -> StoredTicket | None:
        """Set the password that the holder of a ticket chose; None when the ticket is no longer good for it.

        A password that is refused leaves the ticket whole.

        Raises:
            ApiError: 422 `weak_password` with reasons; 503 `overloaded`.
            StoreUnavailable: the database did not answer.
        """
        found = await self.find(token, Purpose.RESET_PASSWORD)
        if found is None or not found[0].is_live:
            return None
        account = found[1]
        await self._passwords.refuse_weak(password, names=(account.username, account.email))
        digest = await self._passwords.hash(password)

        def work(tx: Transaction) -> StoredTicket:
            # In the order in which every change of a password goes: counters, account, and then what hangs on it.
            self._administration.hold(tx, account.sub)
            ticket = self._tickets.spend(tx, token, Purpose.RESET_PASSWORD)
            if ticket is None:
                raise _Spent
            self._administration.put_password_in_place(tx, account.sub, digest, facts=facts)
            return ticket

        try:
            return await self._store.run(work)
        except (_Spent, UnknownAccount):
            return None

    async def secure(self, token: str | None, facts: RequestFacts) -> str | None:
        """End everything an account has, for somebody who says that a change was not theirs; return the token that lets them set a
        new password. None when the ticket is no longer good for it.

        Raises:
            StoreUnavailable: the database did not answer.
        """

        def work(tx: Transaction) -> str | None:
            ticket = self._tickets.spend(tx, token, Purpose.NOT_ME)
            account = None if ticket is None else tx.accounts.lock(ticket.sub)
            if ticket is None or account is None or account.is_disabled:
                return None
            self._restore_address(tx, account, ticket)
            return self._tickets.token(self.secure_in(tx, account, facts, address=ticket.address))

        return await self._store.run(work)

    async def secure_own(self, sub: str, facts: RequestFacts) -> str | None:
        """The same for somebody who is signed in; None when the account is gone."""

        def work(tx: Transaction) -> str | None:
            account = tx.accounts.lock(sub)
            if account is None or account.is_disabled:
                return None
            return self._tickets.token(self.secure_in(tx, account, facts, address=account.email))

        return await self._store.run(work)

    def secure_in(self, tx: Transaction, account: Account, facts: RequestFacts, *, address: str | None) -> TicketRef:
        """End everything in the caller's transaction, which holds the account; the ticket lets its holder set a new password."""
        sub = account.sub
        ended = tx.sessions.end_all(sub, "account_secured")
        tx.refresh_tokens.revoke_of_subject(sub, "account_secured")
        self._feed.revoke_subject(tx, sub)
        tx.signals.all_sessions_ended(sub)
        tx.email_changes.end(sub)
        tx.tickets.void(sub, Purpose.EMAIL_NEW, Purpose.EMAIL_OLD, Purpose.RESET_PASSWORD)
        record(tx, EventName.ACCOUNT_SECURED, facts=facts, sub=sub, detail={"sessions_ended": len(ended)})
        self._letters.notify(tx, Kind.SECURED, account, facts=facts)
        return self._tickets.issue(tx, Purpose.RESET_PASSWORD, sub, address=address)

    def _restore_address(self, tx: Transaction, account: Account, ticket: StoredTicket) -> None:
        """Give an account back the address that the letter went to, where it has another one now."""
        if ticket.address is None or ticket.address == account.email:
            return
        key = parse_email(ticket.address).key
        if tx.accounts.find_by_verified_email(key) is None:
            tx.accounts.set_verified_email(account.sub, ticket.address, key)
            record(tx, EventName.EMAIL_CHANGED, sub=account.sub, outcome="restored")

    def _send(
        self, tx: Transaction, account: Account | None, facts: RequestFacts, language: str, interaction: str | None
    ) -> None:
        reachable = account if account is not None and account.email_verified and not account.is_disabled else None
        sub = reachable.sub if reachable else None
        address = reachable.email if reachable else None
        ticket = self._tickets.issue(tx, Purpose.RESET_PASSWORD, sub, address=address, interaction=interaction)
        self._letters.send(
            tx,
            Kind.RESET,
            username=reachable.username if reachable else "",
            recipient=address,
            language=language_of(tx, sub or _NOBODY, language),
            ticket=ticket,
        )
        outcome = "ok" if reachable else "unknown_name" if account is None else "no_verified_address"
        record(tx, EventName.RECOVERY_ASKED, outcome=outcome, facts=facts, sub=account.sub if account else None)
