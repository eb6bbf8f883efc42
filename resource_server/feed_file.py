"""What an issuer has revoked, on disk: a restart, however soon and with the issuer down, forgets none of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from resource_server.digest_file import DigestFile, StateUnusable
from shared.revocation import RevocationEntry, from_wire, to_wire

_FORMAT: Final = 1
_MAX_BYTES: Final = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class SavedFeed:
    """The cursor, and the entries that were alive."""

    cursor: int | None
    entries: tuple[RevocationEntry, ...]


class FeedFile:
    """One issuer's file."""

    def __init__(self, folder: Path, issuer: str) -> None:
        self._file = DigestFile(folder, "revocations", issuer, version=_FORMAT, max_bytes=_MAX_BYTES)
        self.path = self._file.path

    def load(self) -> SavedFeed | None:
        """Return what was saved, or None if nothing was.

        Raises:
            StateUnusable: damaged, of another issuer or format, or writable by others.
        """
        content = self._file.load()
        if content is None:
            return None
        cursor, listed = content.get("cursor"), content.get("entries")
        if not isinstance(listed, tuple) or not (cursor is None or isinstance(cursor, int)):
            raise StateUnusable(f"{self.path}: members are missing")
        try:
            read = [from_wire(members) for members in listed]
        except ValueError as error:
            raise StateUnusable(f"{self.path}: {error}") from error
        return SavedFeed(cursor, tuple(entry for _, entry in filter(None, read)))

    def save(self, cursor: int | None, entries: Iterable[RevocationEntry]) -> None:
        """Replace the file, atomically and durably.

        Raises:
            OSError: the disk's own reasons.
        """
        self._file.save({"cursor": cursor, "entries": [to_wire(0, 0, entry) for entry in entries]})
