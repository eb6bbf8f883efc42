"""That a mail address belongs to an account: the letter that asks, the answer to it, and changes of the address.

An answer counts when it is posted: mail filters open every link.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from auth_server.accounts.letters import Kind, Letters, language_of
from auth_server.accounts.names import Name, parse_email
from auth_server.accounts.tickets import LIFETIME_SECONDS, Purpose, Tickets
from auth_server.audit.events import EventName
from auth_server.audit.log import record
from auth_server.languages.catalogue import DEFAULT
from auth_server.protocol.errors import ApiError
from auth_server.rate_limits.letters import LetterLimits
from auth_server.store.accounts import Account
from auth_server.store.email_changes import EmailChange
from auth_server.store.store import Store
from auth_server.store.tickets import StoredTicket
from auth_server.store.transaction import Transaction
from auth_server.web.request_facts import RequestFacts

CHANGE_RETRY_SECONDS: Final = 60
_CHANGE_MS: Final = LIFETIME_SECONDS[Purpose.EMAIL_NEW] * 1000


class Confirmed(StrEnum):
    """What became of a posted ticket."""

    DONE = "done"
    # One of two addresses was confirmed, the other is waited for.
    HALF = "half"
    TAKEN = "taken"
    INVALID = "invalid"


class Verification:
    """Verifies mail addresses, and changes them."""

    def __init__(self, *, store: Store, tickets: Tickets, letters: Letters, limits: LetterLimits) -> None:
        self._store = store
        self._tickets = tickets
        self._letters = letters
        self._limits = limits

    def ask(
        self, tx: Transaction, account: Account, *, owner: Account | None, language: str = DEFAULT, interaction: str | None = None
    ) -> None:
        """Write to an address that somebody claims, in the caller's transaction; the work is the same whoever owns it.

        Args:
            account: whose claim it is.
            owner: the account that the address was verified for already: its owner is told instead.
            interaction: the authorization request that goes on afterwards.
        """
        kind, person = (Kind.VERIFY, account) if owner is None else (Kind.TAKEN, owner)
        sub = account.sub if owner is None else None
        ticket = self._tickets.issue(tx, Purpose.VERIFY_EMAIL, sub, address=account.email, interaction=interaction)
        self._letters.send(
            tx,
            kind,
            username=person.username,
            recipient=person.email,
            language=language_of(tx, person.sub, language),
            ticket=ticket if owner is None else None,
        )

    async def ask_again(self, sub: str, facts: RequestFacts, *, language: str = DEFAULT, interaction: str | None = None) -> None:
        """Send the letter again, at most once a minute; nothing tells whether it was.

        Raises:
            ApiError: 429 `slow_down`; too many letters were asked for from there.
            StoreUnavailable: the database did not answer.
        """

        def work(tx: Transaction) -> int | None:
            verdict = self._limits.charge(tx, "verify", sub, facts)
            account = tx.accounts.find(sub)
            if verdict.may_send and account is not None and account.email is not None and not account.email_verified:
                owner = tx.accounts.find_by_verified_email(parse_email(account.email).key)
                self.ask(tx, account, owner=owner, language=language, interaction=interaction)
            return verdict.retry_after

        self._limits.refuse(await self._store.run(work))

    async def find(self, token: str | None, purpose: Purpose) -> StoredTicket | None:
        """Look at a ticket without using it; None when there is none.

        Raises:
            StoreUnavailable: the database did not answer.
        """
        return await self._store.read(lambda tx: self._tickets.find(tx, token, purpose))

    async def confirm(self, token: str | None, purpose: Purpose, facts: RequestFacts) -> Confirmed:
        """Use the ticket of a letter.

        Raises:
            StoreUnavailable: the database did not answer.
        """
        return await self._store.run(lambda tx: self._confirm(tx, token, purpose, facts))

    async def pending(self, sub: str) -> EmailChange | None:
        """Return the change of address that is under way.

        Raises:
            StoreUnavailable: the database did not answer.
        """
        return await self._store.read(lambda tx: tx.email_changes.find(sub))

    async def change(self, sub: str, email: str, facts: RequestFacts, *, language: str = DEFAULT) -> None:
        """Begin a change of address: a letter to the new one, and to the old one where it is verified.

        Whether the new address belongs to another account is not told: its owner gets a letter that says so.

        Raises:
            ApiError: 422 `invalid_email`; 429 `slow_down`.
            StoreUnavailable: the database did not answer.
        """
        new = email_name(email)

        def work(tx: Transaction) -> int | None:
            verdict = self._limits.charge(tx, "change", sub, facts)
            if verdict.may_send:
                self._begin_change(tx, sub, new, facts, language)
            # Whoever asks is signed in, so nothing is given away by saying that it was too soon.
            return None if verdict.may_send else verdict.retry_after or CHANGE_RETRY_SECONDS

        self._limits.refuse(await self._store.run(work))

    async def cancel(self, sub: str, facts: RequestFacts) -> bool:
        """Forget a change of address; False when none is under way.

        Raises:
            StoreUnavailable: the database did not answer.
        """

        def work(tx: Transaction) -> bool:
            tx.accounts.lock(sub)
            tx.tickets.void(sub, Purpose.EMAIL_NEW, Purpose.EMAIL_OLD)
            if not tx.email_changes.end(sub):
                return False
            record(tx, EventName.EMAIL_CHANGE_CANCELLED, facts=facts, sub=sub)
            return True

        return await self._store.run(work)

    def _begin_change(self, tx: Transaction, sub: str, new: Name, facts: RequestFacts, language: str) -> None:
        account = tx.accounts.lock(sub)
        if account is None:
            return
        language = language_of(tx, sub, language)
        old = account.email if account.email_verified else None
        change = EmailChange(new.shown, new.key, old_confirmed=old is None, new_confirmed=False)
        tx.email_changes.begin(sub, change, _CHANGE_MS)
        owner = tx.accounts.find_by_verified_email(new.key)
        ticket = self._tickets.issue(tx, Purpose.EMAIL_NEW, sub if owner is None else None, address=new.shown)
        if owner is None:
            self._letters.send(
                tx, Kind.EMAIL_NEW, username=account.username, recipient=new.shown, language=language, ticket=ticket
            )
        else:
            self._letters.send(
                tx, Kind.TAKEN, username=owner.username, recipient=owner.email, language=language_of(tx, owner.sub)
            )
        if old is not None:
            ticket = self._tickets.issue(tx, Purpose.EMAIL_OLD, sub, address=old)
            self._letters.send(
                tx, Kind.EMAIL_OLD, username=account.username, recipient=old, language=language, ticket=ticket, facts=facts
            )
        record(tx, EventName.EMAIL_CHANGE_ASKED, facts=facts, sub=sub)

    def _confirm(self, tx: Transaction, token: str | None, purpose: Purpose, facts: RequestFacts) -> Confirmed:
        ticket = self._tickets.spend(tx, token, purpose)
        account = None if ticket is None else tx.accounts.lock(ticket.sub)
        if ticket is None or account is None or account.is_disabled:
            return Confirmed.INVALID
        if purpose is Purpose.VERIFY_EMAIL:
            return _verify(tx, account, ticket, facts)
        change = tx.email_changes.find(account.sub)
        if change is None or (purpose is Purpose.EMAIL_NEW and ticket.address != change.email):
            return Confirmed.INVALID
        is_old = purpose is Purpose.EMAIL_OLD
        tx.email_changes.confirm(account.sub, is_old=is_old)
        if not (change.old_confirmed or is_old) or not (change.new_confirmed or not is_old):
            return Confirmed.HALF
        return self._put_in_place(tx, account, change, facts)

    def _put_in_place(self, tx: Transaction, account: Account, change: EmailChange, facts: RequestFacts) -> Confirmed:
        tx.email_changes.end(account.sub)
        owner = tx.accounts.find_by_verified_email(change.email_key)
        if owner is not None and owner.sub != account.sub:
            return Confirmed.TAKEN
        tx.accounts.set_verified_email(account.sub, change.email, change.email_key)
        # What was sent to the old mailbox must not set a password any more; who reads it can still say that it was not them.
        tx.tickets.void(account.sub, Purpose.RESET_PASSWORD, Purpose.VERIFY_EMAIL)
        if account.email_verified and account.email is not None:
            self._letters.notify(tx, Kind.EMAIL_CHANGED, account, facts=facts, address=account.email)
        self._letters.notify(tx, Kind.EMAIL_CHANGED, account, facts=facts, address=change.email)
        record(tx, EventName.EMAIL_CHANGED, facts=facts, sub=account.sub)
        return Confirmed.DONE


def email_name(text: str) -> Name:
    """Read a mail address that somebody typed.

    Raises:
        ApiError: 422 `invalid_email`.
    """
    try:
        return parse_email(text)
    except ValueError as error:
        raise ApiError(422, "invalid_email", "This mail address cannot be used.", reasons=(f"This {error}.",)) from error


def _verify(tx: Transaction, account: Account, ticket: StoredTicket, facts: RequestFacts) -> Confirmed:
    # The address may have been changed since the letter was sent: then it proves nothing about the present one.
    if account.email is None or ticket.address != account.email:
        return Confirmed.INVALID
    owner = tx.accounts.find_by_verified_email(parse_email(account.email).key)
    if owner is not None and owner.sub != account.sub:
        return Confirmed.TAKEN
    if owner is None:
        tx.accounts.set_verified_email(account.sub, account.email, parse_email(account.email).key)
        record(tx, EventName.EMAIL_VERIFIED, facts=facts, sub=account.sub)
    return Confirmed.DONE
