"""Mail as it leaves: spelt as RFC 5322 wants it, by each backend, and chosen by one URL."""

from __future__ import annotations

import email
import email.policy
import io
import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from auth_server.mail.console import ConsoleMailer
from auth_server.mail.contract import MailUnsent, Message
from auth_server.mail.file import FileMailer
from auth_server.mail.messages import Sender, Speller
from auth_server.mail.registry import mailer_of
from auth_server.mail.smtp import SmtpMailer, SmtpServer

SPELLER = Speller(Sender("Sealwright", "no-reply@id.example"))
LINK = "https://id.example/reset-password?ticket=" + "x" * 64


def a_message(recipient: str = "alice@mail.example", **changes: str) -> Message:
    members = {"id": "letter-1", "language": "de", "subject": "Grüße", "body": f"Guten Tag,\n\n{LINK}\n"} | changes
    return Message(recipient=recipient, at=datetime(2026, 11, 26, 12, tzinfo=UTC), **members)


def test_a_message_says_who_sends_it_in_which_language_and_that_nobody_need_answer() -> None:
    spelt = email.message_from_bytes(bytes(SPELLER.spell(a_message())), policy=email.policy.default)

    assert (spelt["From"], spelt["To"], spelt["Subject"]) == ("Sealwright <no-reply@id.example>", "alice@mail.example", "Grüße")
    assert (spelt["Auto-Submitted"], spelt["Content-Language"]) == ("auto-generated", "de")
    assert spelt["Message-ID"] == "<letter-1@id.example>"
    assert LINK in spelt.get_content()  # in one piece, however long


@pytest.mark.parametrize("recipient", ["a@b.example\r\nBcc: c@d.example", "a@b.example\nX: y"])
def test_an_address_cannot_begin_another_header(recipient: str) -> None:
    with pytest.raises(ValueError):
        bytes(SPELLER.spell(a_message(recipient)))


def test_the_console_shows_recipient_subject_and_text() -> None:
    stream = io.StringIO()
    ConsoleMailer(SPELLER, stream).send(a_message())

    assert all(part in stream.getvalue() for part in ("alice@mail.example", "Grüße", LINK))


def test_a_file_is_whole_and_its_owners_alone(tmp_path: Path) -> None:
    mailer = FileMailer(SPELLER, tmp_path / "mail")
    mailer.send(a_message())
    mailer.send(a_message())  # again, after a crash

    (file,) = (tmp_path / "mail").iterdir()
    assert (file.name, file.stat().st_mode & 0o777) == ("letter-1.eml", 0o600)


class MailServer:
    """A mail server that takes what it is given and says what it was told to say."""

    def __init__(self, *, refusing: bool = False) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._refusing = refusing
        self.port = self._socket.getsockname()[1]
        self.received: list[str] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection, connection.makefile("rwb") as stream:
                self._converse(stream)

    def _converse(self, stream: io.BufferedRWPair) -> None:
        def say(text: str) -> None:
            stream.write(text.encode() + b"\r\n")
            stream.flush()

        say("220 test")
        while line := stream.readline().decode().strip():
            word = line.partition(" ")[0].upper()
            if word == "EHLO":
                say("250-test\r\n250-8BITMIME\r\n250 SMTPUTF8")
            elif word == "RCPT" and self._refusing:
                say("550 no such mailbox alice@mail.example")
            elif word == "DATA":
                say("354 go on")
                text = b""
                while (part := stream.readline()) != b".\r\n":
                    text += part
                self.received.append(text.decode())
                say("250 taken")
            elif word == "QUIT":
                say("221 bye")
                return
            else:
                say("250 fine")

    def stop(self) -> None:
        """Stop listening."""
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(5)


@pytest.fixture(params=[False, True], ids=["taking", "refusing"])
def server(request: pytest.FixtureRequest) -> Iterator[MailServer]:
    started = MailServer(refusing=request.param)
    yield started
    started.stop()


def test_smtp_hands_a_message_over_or_says_that_it_was_not_taken(server: MailServer) -> None:
    mailer = mailer_of(f"smtp://127.0.0.1:{server.port}", SPELLER)

    if not server._refusing:
        mailer.send(a_message())
        assert "To: alice@mail.example" in server.received[0]
        return
    with pytest.raises(MailUnsent) as refusal:
        mailer.send(a_message())
    assert "alice" not in str(refusal.value)  # it goes to the log


def test_a_server_without_starttls_gets_nothing(server: MailServer) -> None:
    mailer = SmtpMailer(SPELLER, SmtpServer("127.0.0.1", server.port, "starttls"))

    with pytest.raises(MailUnsent):
        mailer.send(a_message())
    assert server.received == []


def test_nobody_listens() -> None:
    with pytest.raises(MailUnsent):
        mailer_of("smtp://127.0.0.1:1", SPELLER).send(a_message())


@pytest.mark.parametrize(
    "url, server",
    [
        ("smtp://mail.example", SmtpServer("mail.example", 587, "starttls")),
        ("smtps://u%40x:p%2Fw@mail.example:4650", SmtpServer("mail.example", 4650, "always", "u@x", "p/w")),
        ("smtp://mail.internal:25?tls=never", SmtpServer("mail.internal", 25, "never")),
        ("smtp://localhost:1025", SmtpServer("localhost", 1025, "never")),
    ],
)
def test_a_url_says_how_the_server_is_reached(url: str, server: SmtpServer) -> None:
    chosen = mailer_of(url, SPELLER)

    assert isinstance(chosen, SmtpMailer)
    assert chosen._server == server


@pytest.mark.parametrize(
    "url", ["", "mail.example", "http://mail.example", "smtp://", "smtps://h?tls=never", "file://host/x", "smtp://h:x"]
)
def test_what_chooses_nothing_is_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(ValueError) as refusal:
        mailer_of(url, SPELLER)

    assert len(url) < 8 or url not in str(refusal.value)
