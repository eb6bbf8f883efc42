"""The journal of published key sets: a file beside the key encryption keys that outlives a restore of the database.

One line for each key set this machine published: a SHA-256 of the body, a space, the body itself, as it was served. It is appended
and flushed to the disk before the set is served, so whatever a resource server may hold, the journal holds. A damaged line is
passed over: each line stands for itself, and the newest says everything that matters.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import logging
import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

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
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._locked() as file:
            size = file.seek(0, os.SEEK_END)
            # A line that was cut short by a crash must not swallow the one behind it.
            torn = b"\n" if size and os.pread(file.fileno(), 1, size - 1) != b"\n" else b""
            file.write(torn + _line(body))
            file.flush()
            os.fsync(file.fileno())
            if size > _MAX_BYTES:
                self._compact()
        _fsync_folder(self._path.parent)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[IO[bytes]]:
        """Open the file for appending and hold its lock; whoever waited while it was compacted opens the new one."""
        while True:
            with open(self._path, "ab+", opener=_open_own) as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                if os.fstat(file.fileno()).st_ino == self._path.stat().st_ino:
                    yield file
                    return

    def _compact(self) -> None:
        bodies = _bodies(self._path.read_bytes(), self._path)
        newest = _newest(bodies)
        if newest is None:
            return
        # Older lines stay only for a tombstone that the newest lacks.
        kept, missing = [], set(newest.revoked) - set(_parsed(newest.body).revoked)
        for body in reversed(bodies):
            if found := missing & _parsed(body).revoked:
                kept.append(body)
                missing -= found
        draft = self._path.with_name(f".{self._path.name}.{secrets.token_hex(8)}")
        with open(draft, "xb", opener=_open_own) as file:
            file.writelines(_line(body) for body in [*reversed(kept), newest.body])
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._path)


def _line(body: bytes) -> bytes:
    return hashlib.sha256(body).hexdigest().encode("ascii") + b" " + body + b"\n"


def _bodies(text: bytes, path: Path) -> list[bytes]:
    bodies, damaged = [], 0
    for line in filter(None, text.split(b"\n")):
        digest, _, body = line.partition(b" ")
        if digest == hashlib.sha256(body).hexdigest().encode("ascii"):
            bodies.append(body)
        else:
            damaged += 1
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


def _open_own(name: str, flags: int) -> int:
    return os.open(name, flags | os.O_NOFOLLOW, 0o600)


def _fsync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
