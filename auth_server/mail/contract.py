"""What a way of sending mail is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Message:
    """One mail. `id` is the same for every try to deliver it; `body` holds links that let somebody in, so it is never shown."""

    id: str
    recipient: str = field(repr=False)
    language: str
    subject: str
    body: str = field(repr=False)
    at: datetime


class MailUnsent(Exception):
    """The message was not taken; it may be tried again. The text says why, without an address."""


class Mailer(ABC):
    """A way of sending mail.

    Attributes:
        schemes: of the URLs that choose it (`AUTH_SERVER_SMTP_URL`).
    """

    schemes: ClassVar[tuple[str, ...]]

    @abstractmethod
    def send(self, message: Message) -> None:
        """Hand over one message; blocks until it was taken or refused.

        Raises:
            MailUnsent: it was not taken.
        """
