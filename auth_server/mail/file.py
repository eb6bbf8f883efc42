"""Mail as files in a folder, one for each message: for tests, and for a program of one's own that takes it from there."""

from __future__ import annotations

from pathlib import Path

from auth_server.mail.contract import Mailer, MailUnsent, Message
from auth_server.mail.messages import Speller


class FileMailer(Mailer):
    """Writes `<id>.eml` (RFC 5322), readable by its owner alone; a message that is there already is written again."""

    schemes = ("file",)

    def __init__(self, speller: Speller, folder: Path) -> None:
        self._speller = speller
        self._folder = folder

    def send(self, message: Message) -> None:
        content = bytes(self._speller.spell(message))
        part = self._folder / f".{message.id}.part"
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            part.write_bytes(b"")
            part.chmod(0o600)
            part.write_bytes(content)
            # Whoever watches the folder sees whole messages alone.
            part.replace(self._folder / f"{message.id}.eml")
        except OSError as error:
            raise MailUnsent(f"the folder could not be written ({error.strerror})") from error
