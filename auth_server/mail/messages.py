"""A mail message as a value, and how it is spelt (RFC 5322)."""

from __future__ import annotations

from dataclasses import dataclass, field
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from typing import Final

from auth_server.mail.contract import Message

_POLICY: Final = SMTP.clone(utf8=True)


@dataclass(frozen=True, slots=True)
class Sender:
    """From whom mail comes: a name and an address."""

    name: str
    address: str

    @classmethod
    def parse(cls, text: str) -> Sender:
        """Read `address` or `Name <address>`.

        Raises:
            ValueError: it is neither.
        """
        name, address = parseaddr(text)
        if address.count("@") != 1 or not all(address.split("@")) or not text.isprintable():
            raise ValueError("must be a mail address, or a name and a mail address in angle brackets")
        return cls(name, address)


@dataclass(frozen=True, slots=True)
class Speller:
    """Spells messages of one sender."""

    sender: Sender
    reply_to: str | None = field(default=None)

    def spell(self, message: Message) -> EmailMessage:
        """Return the message as it goes on the wire.

        Raises:
            ValueError: the recipient is no single address (a line break in it would begin another header).
        """
        local, _, domain = message.recipient.rpartition("@")
        spelt = EmailMessage(policy=_POLICY)
        spelt["From"] = Address(self.sender.name, addr_spec=self.sender.address)
        spelt["To"] = Address(username=local, domain=domain)
        spelt["Subject"] = message.subject
        spelt["Date"] = format_datetime(message.at)
        # The same for every try to deliver it, so that a reader who gets it twice shows it once.
        spelt["Message-ID"] = f"<{message.id}@{self.sender.address.rpartition('@')[2]}>"
        spelt["Auto-Submitted"] = "auto-generated"
        spelt.set_content(message.body)
        # Behind the content, which brings headers of its own in the place of all others about it.
        spelt["Content-Language"] = message.language
        return spelt
