"""The mark of a device that an account was signed in on before.

A cookie with up to four tickets, one for each account that uses the browser. A ticket holds a random device number and its end, and a
MAC over both and the account; the account itself is not in it. Whoever holds one has a counter of guesses to himself, nothing more.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Iterator
from typing import Final

from shared import base64url

# Renewed by every sign-in.
KNOWN_FOR_SECONDS: Final = 180 * 86_400
_MAX_TICKETS: Final = 4
_NUMBER_BYTES: Final = 16
_TIME_BYTES: Final = 8
_HEAD_BYTES: Final = _NUMBER_BYTES + _TIME_BYTES
_TICKET_BYTES: Final = _HEAD_BYTES + 32
_MAX_LENGTH: Final = 512
_SEPARATOR: Final = "~"


class KnownDevices:
    """Writes and reads the cookie."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def recognise(self, cookie: str | None, sub: str, now: int) -> bytes | None:
        """Return the device number that this account was given, or None. Equal work whether or not there is such an account."""
        known = None
        for ticket in _tickets(cookie, now):
            if hmac.compare_digest(self._mac(ticket[:_HEAD_BYTES], sub), ticket[_HEAD_BYTES:]):
                known = ticket[:_NUMBER_BYTES]
        return known

    def remember(self, cookie: str | None, sub: str, now: int) -> str:
        """Return the cookie after a sign-in: this account's ticket renewed, those of others kept."""
        number = self.recognise(cookie, sub, now) or secrets.token_bytes(_NUMBER_BYTES)
        head = number + (now + KNOWN_FOR_SECONDS).to_bytes(_TIME_BYTES, "big")
        others = [ticket for ticket in _tickets(cookie, now) if ticket[:_NUMBER_BYTES] != number]
        tickets = [head + self._mac(head, sub), *others][:_MAX_TICKETS]
        return _SEPARATOR.join(base64url.encode(ticket) for ticket in tickets)

    def _mac(self, head: bytes, sub: str) -> bytes:
        return hmac.digest(self._key, b"known device 1\0" + head + sub.encode("utf-8", "surrogatepass"), "sha256")


def _tickets(cookie: str | None, now: int) -> Iterator[bytes]:
    """Yield the well-formed tickets that are not over; their MACs are not looked at."""
    if cookie is None or len(cookie) > _MAX_LENGTH or not cookie.isascii():
        return
    for text in cookie.split(_SEPARATOR)[:_MAX_TICKETS]:
        try:
            ticket = base64url.decode(text.encode())
        except ValueError:
            continue
        if len(ticket) == _TICKET_BYTES and int.from_bytes(ticket[_NUMBER_BYTES:_HEAD_BYTES], "big") > now:
            yield ticket
