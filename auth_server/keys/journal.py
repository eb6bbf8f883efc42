"""The journal of published key sets: a file beside the key encryption keys that outlives a restore of the database.

One line (`line_file.py`) for each key set this machine published: its body as it was served. It is appended and flushed to the disk
before the set is served, so whatever a resource server may hold, the journal holds. A damaged line is passed over: the newest says
everything that matters.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from auth_server.line_file import LineFile, whole_lines

FILE_NAME: Final = "published-keys.journal"
# Compacted beyond this: some hundred key sets, which is years of rotations.
_MAX_BYTES: Final = 256 * 1024
_LOG: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Journaled:
    """What was last published from here. `revoked` are the tombstones of every line together."""

    body: bytes
    epoch: int
    keys: Mapping[str, Mapping[str, str]]
    revoked: frozenset[str]


class PublishedJournal:
    """The journal at one path. Several processes may append at once, each whole lines."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = LineFile(path, max_bytes=_MAX_BYTES, kept=_kept)
        self._read_as: tuple[int, int, int] | None = None
        self._last: Journaled | None = None

    def last(self) -> Journaled | None:
        """Return what was published last; None when nothing is known of it.

        Raises:
            OSError: the file is there and cannot be read.
        """
        try:
            status = self._path.stat()
        except FileNotFoundError:
            return None
        version = (status.st_ino, status.st_size, status.st_mtime_ns)
        if version != self._read_as:
            self._last = _newest(_bodies(self._path.read_bytes(), self._path))
            self._read_as = version
        return self._last

    def append(self, body: bytes) -> None:
        """Append a key set, unless it is the last one already; when this returns, it is on the disk.

        Raises:
            OSError: it could not be written.
        """
        last = self.last()
        if last is not None and last.body == body:
            return
        self._file.append([body])


def _kept(bodies: Sequence[bytes]) -> list[bytes]:
    """Return the newest set, and of the older ones those that hold a tombstone which it lacks."""
    newest = _newest(bodies)
    if newest is None:
        return []
    kept, missing = [], set(newest.revoked) - set(_parsed(newest.body).revoked)
    for body in reversed(bodies):
        if found := missing & _parsed(body).revoked:
            kept.append(body)
            missing -= found
    return [*reversed(kept), newest.body]


def _bodies(text: bytes, path: Path) -> list[bytes]:
    bodies = list(whole_lines(text))
    damaged = len(list(filter(None, text.split(b"\n")))) - len(bodies)
    if damaged:
        _LOG.warning("%s: %d damaged lines were passed over", path, damaged)
    return bodies


def _newest(bodies: Sequence[bytes]) -> Journaled | None:
    sets = [_parsed(body) for body in bodies]
    if not sets:
        return None
    newest = max(sets, key=lambda journaled: journaled.epoch)
    revoked = frozenset().union(*(journaled.revoked for journaled in sets))
    return Journaled(newest.body, newest.epoch, newest.keys, revoked)


def _parsed(body: bytes) -> Journaled:
    # Whoever wrote it is this class, and the digest says that it is as written.
    document = json.loads(body)
    keys = {key["kid"]: key for key in document["keys"]}
    return Journaled(body, document["epoch"], keys, frozenset(document["revoked"]))
