"""Which entries a reader with a cursor is answered with. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from auth_server.store.revocations import NumberedEntry
from auth_server.store.transaction import Transaction
from shared.revocation import MAX_PAGE_BYTES, MAX_PAGE_ENTRIES, to_wire

# An entry's members beside its key; base64url then adds a third.
_ENTRY_BYTES: Final = 110
_MAX_PAYLOAD_BYTES: Final = MAX_PAGE_BYTES * 3 // 4 - 4_096


@dataclass(frozen=True, slots=True)
class FeedPage:
    """Every living entry numbered `first` to `last`, in order.

    `is_snapshot`: it begins anew, because the reader has no cursor or one that cannot be served. `has_more`: it was cut at its size.
    """

    first: int
    last: int
    entries: Sequence[NumberedEntry]
    is_snapshot: bool
    has_more: bool

    def to_claims(self, *, issuer: str, issued_at: int, key_epoch: int) -> dict[str, object]:
        """Return what is signed."""
        claims: dict[str, object] = {
            "iss": issuer,
            "iat": issued_at,
            "from": self.first,
            "to": self.last,
            "key_epoch": key_epoch,
            "entries": [to_wire(entry.number, entry.at // 1000, entry.entry) for entry in self.entries],
        }
        if self.is_snapshot:
            claims["snapshot"] = True
        if self.has_more:
            claims["more"] = True
        return claims


def read_page(tx: Transaction, after: int | None, now: int) -> FeedPage:
    """Read the page behind a cursor; `after` None is a reader without one, `now` is in seconds.

    A cursor ahead of the head belongs to another history (a restored database); one behind the oldest entry may have missed some that
    were forgotten meanwhile. Both begin anew.
    """
    # The head first: whatever is committed between these statements has a higher number, and merely comes with the next page.
    head = tx.revocations.head()
    oldest = tx.revocations.oldest()
    begins_anew = after is None or after > head or after + 1 < (head + 1 if oldest is None else oldest)
    start = 0 if begins_anew or after is None else after
    entries = tx.revocations.since(start, MAX_PAGE_ENTRIES + 1)
    fitting = _how_many_fit(entries)
    has_more = len(entries) > fitting
    del entries[fitting:]
    last = entries[-1].number if has_more else max(head, entries[-1].number if entries else 0)
    living = [entry for entry in entries if entry.entry.until >= now]
    return FeedPage(start + 1, last, living, begins_anew, has_more)


def _how_many_fit(entries: Sequence[NumberedEntry]) -> int:
    size = 0
    for count, entry in enumerate(entries):
        # JSON may spell one character in six bytes, or twelve.
        size += _ENTRY_BYTES + (len(entry.entry.key) if entry.entry.key.isascii() else 12 * len(entry.entry.key))
        if count == MAX_PAGE_ENTRIES or size > _MAX_PAYLOAD_BYTES:
            return count
    return len(entries)
