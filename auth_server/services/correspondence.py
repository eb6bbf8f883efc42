"""Mail, and what its links open."""

from __future__ import annotations

from dataclasses import dataclass

from auth_server.accounts.administration import Administration
from auth_server.accounts.letters import Letters, Writer
from auth_server.accounts.passwords import Passwords
from auth_server.accounts.recovery import Recovery
from auth_server.accounts.tickets import Tickets
from auth_server.accounts.verification import Verification
from auth_server.mail.contract import Mailer
from auth_server.mail.messages import Sender, Speller
from auth_server.mail.registry import mailer_of
from auth_server.rate_limits.guesses import GuessLimits
from auth_server.rate_limits.letters import LetterLimits
from auth_server.services.ground import Ground


@dataclass(frozen=True, slots=True)
class Correspondence:
    """What writes to people, and what they answer with. It opens nothing before `use_key`."""

    tickets: Tickets
    letters: Letters
    limits: LetterLimits
    verification: Verification
    recovery: Recovery
    writer: Writer
    mailer: Mailer

    def use_key(self, key: bytes) -> None:
        """Take over the secret that makes links.

        Raises:
            ValueError: it is shorter than 32 bytes.
        """
        self.tickets.use_key(key)


@dataclass(frozen=True, slots=True)
class Postbox:
    """The part of it that accounts need while they are made and changed."""

    tickets: Tickets
    letters: Letters
    limits: LetterLimits
    verification: Verification


def open_postbox(ground: Ground, guesses: GuessLimits) -> Postbox:
    """Return what puts letters into the outbox."""
    tickets, limits = Tickets(), LetterLimits(guesses)
    letters = Letters(tickets)
    verification = Verification(store=ground.store, tickets=tickets, letters=letters, limits=limits)
    return Postbox(tickets, letters, limits, verification)


def build_correspondence(
    ground: Ground, postbox: Postbox, *, passwords: Passwords, administration: Administration
) -> Correspondence:
    """Return everything about mail; nothing is connected yet.

    Raises:
        ValueError: the settings choose no way of sending mail (they are checked before).
    """
    settings = ground.settings
    recovery = Recovery(
        store=ground.store,
        passwords=passwords,
        tickets=postbox.tickets,
        letters=postbox.letters,
        limits=postbox.limits,
        feed=ground.feed,
        administration=administration,
    )
    return Correspondence(
        tickets=postbox.tickets,
        letters=postbox.letters,
        limits=postbox.limits,
        verification=postbox.verification,
        recovery=recovery,
        writer=Writer(postbox.tickets, settings.issuer, settings.brand_name),
        mailer=mailer_of(settings.smtp_url, Speller(Sender.parse(settings.mail_from))),
    )
