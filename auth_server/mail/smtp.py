"""Mail through a server (RFC 5321), encrypted: TLS from the first byte, or STARTTLS that must succeed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from auth_server.mail.contract import Mailer, MailUnsent, Message
from auth_server.mail.messages import Speller

if TYPE_CHECKING:
    from smtplib import SMTP

_SECONDS: Final = 10


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """Where mail is handed over. `tls` is `always` (from the first byte), `starttls`, or `never`."""

    host: str
    port: int
    tls: str
    username: str | None = None
    password: str | None = field(default=None, repr=False)


class SmtpMailer(Mailer):
    """Hands each message to a mail server over a connection of its own."""

    schemes = ("smtp", "smtps")

    def __init__(self, speller: Speller, server: SmtpServer) -> None:
        self._speller = speller
        self._server = server

    def send(self, message: Message) -> None:
        # With the first letter, like what spells it.
        from smtplib import SMTPException

        spelt = self._speller.spell(message)
        try:
            with self._connect() as connection:
                connection.send_message(spelt)
        except (OSError, SMTPException) as error:
            # The text of such an error may quote the recipient.
            code = getattr(error, "smtp_code", None)
            raise MailUnsent(f"{type(error).__name__}" + (f" {code}" if code else "")) from error

    def _connect(self) -> SMTP:
        import smtplib
        import ssl

        server = self._server
        if server.tls == "always":
            context = ssl.create_default_context()
            connection: SMTP = smtplib.SMTP_SSL(server.host, server.port, timeout=_SECONDS, context=context)
        else:
            connection = smtplib.SMTP(server.host, server.port, timeout=_SECONDS)
        try:
            if server.tls == "starttls":
                connection.starttls(context=ssl.create_default_context())
            if server.username is not None:
                connection.login(server.username, server.password or "")
        except BaseException:
            connection.close()
            raise
        return connection
