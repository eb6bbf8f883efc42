"""When a session is over, when a use of it is worth a write, and what a way of signing in is called."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from auth_server.store.sessions import Session

# An absolute URI, as OpenID Connect Core section 2 wants of `acr`, and one with a published meaning (SAML 2.0 Authentication Context,
# section 3.4.19): a password over a protected channel. A name of our own would mean something to nobody else.
ACR_PASSWORD: Final = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport"
_ACR_OF: Final = {frozenset({"pwd"}): ACR_PASSWORD}
# What a sign-in here can reach (`acr_values_supported`).
REACHABLE_ACR: Final = frozenset(_ACR_OF.values())
# A use moves the end of an idle session only when that gains a tenth of the idle lifetime; each move is a durable write.
_WORTH_A_WRITE: Final = 10


def acr_of(amr: Iterable[str]) -> str:
    """Return the authentication context class that these methods (RFC 8176) reach together.

    Raises:
        ValueError: nobody said what that combination is worth.
    """
    methods = frozenset(amr)
    if methods not in _ACR_OF:
        raise ValueError(f"no authentication context class for {sorted(methods)}")
    return _ACR_OF[methods]


def is_live(session: Session, now_ms: int) -> bool:
    """Say whether a session counts: not ended, used lately enough, and not too old. Both bounds are exclusive."""
    return session.ended_at is None and now_ms < session.idle_expires_at and now_ms < session.absolute_expires_at


def is_worth_touching(session: Session, now_ms: int, idle_ms: int) -> bool:
    """Say whether a use now would move the session's end far enough to be written down."""
    end = min(now_ms + idle_ms, session.absolute_expires_at)
    return is_live(session, now_ms) and (end - session.idle_expires_at) * _WORTH_A_WRITE >= idle_ms
