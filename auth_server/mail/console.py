"""Mail on standard output: what a developer sees where no mail server is set up."""

from __future__ import annotations

import sys
from typing import TextIO

from auth_server.mail.contract import Mailer, Message
from auth_server.mail.messages import Speller


class ConsoleMailer(Mailer):
    """Prints every message, with its links; for this machine alone, so the settings refuse it for an issuer that others reach."""

    schemes = ("console",)

    def __init__(self, speller: Speller, stream: TextIO | None = None) -> None:
        self._speller = speller
        self._stream = stream

    def send(self, message: Message) -> None:
        spelt = self._speller.spell(message)
        text = "\n".join(f"  {name}: {spelt[name]}" for name in ("To", "Subject")) + "\n\n" + _indented(message.body)
        (self._stream or sys.stdout).write(f"\n  --- mail ---\n{text}\n  --- end of mail ---\n\n")


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())
