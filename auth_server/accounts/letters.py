"""What people are written: which letter, to which address, in which language, with which link.

A letter goes into the outbox in the transaction of what it tells of. It is filled in when it is sent, by `write_letter`, which is where
links come to be: from the configured issuer alone, never from a request's Host header.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from auth_server.accounts.tickets import LIFETIME_SECONDS, Purpose, TicketRef, Tickets
from auth_server.languages.catalogue import DEFAULT, Catalogue, catalogue
from auth_server.languages.rules import first_offered
from auth_server.mail.contract import Message
from auth_server.store.accounts import Account
from auth_server.store.outbox import Letter
from auth_server.store.transaction import Transaction
from auth_server.web.request_facts import RequestFacts

_ID_BYTES: Final = 16


class Kind(StrEnum):
    """Kinds of letters; the catalogue has `mail.<kind>.subject` and `mail.<kind>.body` for each."""

    VERIFY = "verify"
    TAKEN = "taken"
    RESET = "reset"
    EMAIL_NEW = "email_new"
    EMAIL_OLD = "email_old"
    EMAIL_CHANGED = "email_changed"
    PASSWORD_CHANGED = "password_changed"
    SESSIONS_ENDED = "sessions_ended"
    APP_REMOVED = "app_removed"
    SECURED = "secured"


# Where each ticket's link leads.
_PATHS: Final = {
    Purpose.VERIFY_EMAIL: "/verify-email",
    Purpose.RESET_PASSWORD: "/reset-password",
    Purpose.EMAIL_NEW: "/verify-email/new",
    Purpose.EMAIL_OLD: "/verify-email/old",
    Purpose.NOT_ME: "/secure-account",
}
TICKET_PARAMETER: Final = "ticket"
# Letters that somebody may get who asked for nothing.
_ASKED_FOR: Final = frozenset({Kind.VERIFY, Kind.RESET, Kind.EMAIL_NEW})


class Letters:
    """Puts letters into the outbox."""

    def __init__(self, tickets: Tickets) -> None:
        self._tickets = tickets

    def send(
        self,
        tx: Transaction,
        kind: Kind,
        *,
        username: str,
        recipient: str | None,
        language: str,
        ticket: TicketRef | None = None,
        facts: RequestFacts | None = None,
        client: str | None = None,
    ) -> None:
        """Have a letter sent once the caller's transaction commits.

        Args:
            recipient: None where the work done must not tell that nobody is written to.
            client: the name of the app it is about.
        """
        values: dict[str, str | int] = {"username": username, "at": tx.clock.now_ms()}
        if ticket is not None:
            values |= {"ticket": ticket.id, "purpose": ticket.purpose.value}
        if facts is not None:
            values["address"] = facts.address
        if client is not None:
            values["client"] = client
        tx.outbox.add(Letter(secrets.token_hex(_ID_BYTES), kind, recipient, language, values))

    def notify(
        self,
        tx: Transaction,
        kind: Kind,
        account: Account,
        *,
        facts: RequestFacts | None = None,
        client: str | None = None,
        address: str | None = None,
    ) -> None:
        """Tell somebody of a change to their account, with a link for the case that they did not make it.

        Only an address that was verified is told: any other may be a stranger's.

        Args:
            address: where to, when it is not the account's present address.
        """
        recipient = address or (account.email if account.email_verified else None)
        if recipient is None:
            return
        ticket = self._tickets.issue(tx, Purpose.NOT_ME, account.sub, address=recipient)
        self.send(
            tx,
            kind,
            username=account.username,
            recipient=recipient,
            language=language_of(tx, account.sub),
            ticket=ticket,
            facts=facts,
            client=client,
        )


def language_of(tx: Transaction, sub: str, otherwise: str = DEFAULT) -> str:
    """Return the language that a person chose, or `otherwise`."""
    locale = tx.account_claims.find(sub).claims.get("locale")
    return first_offered([locale] if isinstance(locale, str) else []) or otherwise


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes letters: `issuer` is where links lead, `brand` who signs."""

    tickets: Tickets
    issuer: str
    brand: str

    def write(self, letter: Letter) -> Message | None:
        """Return the letter as it is sent; None when it has no recipient.

        Raises:
            KeyUnavailable: it has a link, and the server's secret is not unsealed.
        """
        if letter.recipient is None:
            return None
        words = catalogue(letter.language)
        at = int(letter.facts["at"])
        return Message(
            id=letter.id,
            recipient=letter.recipient,
            language=letter.language,
            subject=words.text(f"mail.{letter.kind}.subject"),
            body="\n\n".join(self._paragraphs(letter, words)) + "\n",
            at=datetime.fromtimestamp(at // 1000, UTC),
        )

    def _paragraphs(self, letter: Letter, words: Catalogue) -> list[str]:
        facts = letter.facts
        text = words.text(f"mail.{letter.kind}.body", **({"client": facts["client"]} if "client" in facts else {}))
        found = [words.text("mail.hello", username=facts["username"]), text]
        link = self._link(letter)
        is_notice = facts.get("purpose") == Purpose.NOT_ME
        if is_notice or letter.kind not in _ASKED_FOR:
            where = [words.text("mail.where", address=facts["address"])] if "address" in facts else []
            found.append("\n".join([words.text("mail.when", moment=words.moment(int(facts["at"]))), *where]))
        if is_notice:
            found.append(words.text("mail.not_me"))
        if link is not None:
            found.append(link)
        if "purpose" in facts:
            lifetime = LIFETIME_SECONDS[Purpose(str(facts["purpose"]))]
            found.append(words.text("mail.link_lifetime", duration=words.duration(lifetime)))
        if letter.kind in _ASKED_FOR:
            found.append(words.text("mail.ignore"))
        return [*found, "-- \n" + words.text("mail.sign", brand=self.brand)]

    def _link(self, letter: Letter) -> str | None:
        if letter.kind == Kind.TAKEN:
            return f"{self.issuer}/forgot-password"
        if "ticket" not in letter.facts:
            return None
        ref = TicketRef(str(letter.facts["ticket"]), Purpose(str(letter.facts["purpose"])))
        return f"{self.issuer}{_PATHS[ref.purpose]}?{TICKET_PARAMETER}={self.tickets.token(ref)}"
