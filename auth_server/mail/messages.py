"""How a mail message is spelt (RFC 5322).

The library for it takes 1.5 MiB and 20 ms to load, which a server that sends no mail should not pay, so it comes with the first letter.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from auth_server.mail.contract import Message

if TYPE_CHECKING:
    from email.message import EmailMessage

_SENDER: Final = re.compile(r"(?:(?P<name>[^<>@]+) )?<(?P<in_brackets>[^<>@\s]+@[^<>@\s]+)>|(?P<alone>[^<>@\s]+@[^<>@\s]+)")


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
        found = _SENDER.fullmatch(text)
        if found is None or not text.isprintable():
            raise ValueError("must be a mail address, or a name and a mail address in angle brackets")
        return cls(found["name"] or "", found["in_brackets"] or found["alone"])


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
        from email.headerregistry import Address
        from email.message import EmailMessage
        from email.policy import SMTP
        from email.utils import format_datetime

        local, _, domain = message.recipient.rpartition("@")
        spelt = EmailMessage(policy=SMTP.clone(utf8=True))
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
