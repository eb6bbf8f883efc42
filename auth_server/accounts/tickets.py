"""What a link in a mail proves: that somebody reads the mailbox of an account. One purpose, one use, a bounded time.

A ticket's token is a MAC over its id and purpose under a secret of the server, so the outbox can name a ticket without holding what
opens it; the database keeps the digest of the token. A password change makes every ticket that could set a password worthless.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from auth_server.protocol.errors import KeyUnavailable
from auth_server.protocol.secret import checked_key
from auth_server.store.tickets import StoredTicket
from auth_server.store.transaction import Transaction
from shared import base64url

_ID_BYTES: Final = 16
_TOKEN_BYTES: Final = _ID_BYTES + 32


class Purpose(StrEnum):
    """What a ticket is good for."""

    VERIFY_EMAIL = "verify_email"
    RESET_PASSWORD = "reset_password"
    EMAIL_NEW = "email_new"
    EMAIL_OLD = "email_old"
    NOT_ME = "not_me"


LIFETIME_SECONDS: Final = {
    Purpose.VERIFY_EMAIL: 86_400,
    Purpose.RESET_PASSWORD: 1_800,
    Purpose.EMAIL_NEW: 86_400,
    Purpose.EMAIL_OLD: 86_400,
    # As long as somebody may be away from their mailbox.
    Purpose.NOT_ME: 7 * 86_400,
}


@dataclass(frozen=True, slots=True)
class TicketRef:
    """A ticket by name, as the outbox holds it: it opens nothing."""

    id: str
    purpose: Purpose


class Tickets:
    """Issues and takes tickets. It needs a secret of the server, which is unsealed later (`use_key`)."""

    def __init__(self) -> None:
        self._key: bytes | None = None

    def use_key(self, key: bytes) -> None:
        """Take over the secret, at least 32 bytes. With another one, every link that is out is worthless.

        Raises:
            ValueError: it is shorter.
        """
        self._key = checked_key(key)

    def issue(
        self, tx: Transaction, purpose: Purpose, sub: str | None, *, address: str | None, interaction: str | None = None
    ) -> TicketRef:
        """Make a ticket in the caller's transaction; older ones of the account for this purpose are replaced.

        Args:
            sub: None for a decoy, which costs the same and opens nothing.
            address: the mail address it is sent to.
            interaction: the authorization request that goes on afterwards.

        Raises:
            KeyUnavailable: the server's secret is not unsealed.
        """
        ref = TicketRef(base64url.encode(secrets.token_bytes(_ID_BYTES)), purpose)
        # Not the one against theft: each of those tells of another act, and a thief's next act must not take it back.
        if purpose is not Purpose.NOT_ME:
            tx.tickets.void(sub or "", purpose)
        tx.tickets.add(
            _digest(self.token(ref)),
            purpose=purpose,
            sub=sub,
            address=address,
            interaction=interaction,
            lifetime_ms=LIFETIME_SECONDS[purpose] * 1000,
        )
        return ref

    def token(self, ref: TicketRef) -> str:
        """Return what the link holds.

        Raises:
            KeyUnavailable: the server's secret is not unsealed.
        """
        if self._key is None:
            raise KeyUnavailable("the secret that makes tickets is not unsealed")
        raw = base64url.decode(ref.id.encode())
        return base64url.encode(raw + hmac.digest(self._key, b"ticket 1\0" + ref.purpose.encode() + b"\0" + raw, "sha256"))

    def find(self, tx: Transaction, token: str | None, purpose: Purpose) -> StoredTicket | None:
        """Look at a ticket without using it; None when it cannot be one of this purpose."""
        return None if not _may_be_token(token) else tx.tickets.find(_digest(token or ""), purpose)

    def spend(self, tx: Transaction, token: str | None, purpose: Purpose) -> StoredTicket | None:
        """Use a ticket; None when there is none of this purpose, it was used, or it is over."""
        return None if not _may_be_token(token) else tx.tickets.spend(_digest(token or ""), purpose)


def void_on_password_change(tx: Transaction, sub: str) -> None:
    """Make worthless what could set a password after it was changed, the links against theft too: a new one goes out."""
    tx.tickets.void(sub, Purpose.RESET_PASSWORD, Purpose.NOT_ME)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()


def _may_be_token(token: str | None) -> bool:
    if token is None or not token.isascii():
        return False
    try:
        return len(base64url.decode(token.encode())) == _TOKEN_BYTES
    except ValueError:
        return False
