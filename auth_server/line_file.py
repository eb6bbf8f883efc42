"""A file of lines that outlives the database: what is appended is on the disk when the call returns.

One line: a SHA-256 of a body, a space, the body. Each stands for itself, so one that is damaged, or was cut short by a crash, is passed
over and takes no other with it. Several processes may append at once, each whole lines.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO


class LineFile:
    """The file at one path.

    Args:
        max_bytes: it is compacted when it is larger.
        kept: of all bodies, which stay when it is compacted; in their order.
    """

    def __init__(self, path: Path, *, max_bytes: int, kept: Callable[[Sequence[bytes]], Iterable[bytes]]) -> None:
        self.path = path
        self._max_bytes = max_bytes
        self._kept = kept
        self._lasting: int | None = None

    def append(self, bodies: Iterable[bytes]) -> None:
        """Append bodies; none of them may hold a line end.

        Raises:
            OSError: they could not be written.
        """
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._locked() as file:
            size = file.seek(0, os.SEEK_END)
            # A line that was cut short by a crash must not swallow the one behind it.
            torn = b"\n" if size and os.pread(file.fileno(), 1, size - 1) != b"\n" else b""
            file.write(torn + b"".join(map(_line, bodies)))
            file.flush()
            os.fsync(file.fileno())
            if size > self._max_bytes:
                self._compact()
            self._make_name_last(os.fstat(file.fileno()).st_ino)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[IO[bytes]]:
        """Open the file for appending and hold its lock; whoever waited while it was compacted opens the new one."""
        while True:
            with open(self.path, "ab+", opener=_open_own) as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                if os.fstat(file.fileno()).st_ino == self.path.stat().st_ino:
                    yield file
                    return

    def _make_name_last(self, inode: int) -> None:
        """Flush the folder too for a file that is new to this process: whoever made it may have died before it did."""
        if inode != self._lasting:
            _fsync_folder(self.path.parent)
            self._lasting = inode

    def _compact(self) -> None:
        kept = self._kept(list(whole_lines(self.path.read_bytes())))
        draft = self.path.with_name(f".{self.path.name}.{secrets.token_hex(8)}")
        with open(draft, "xb", opener=_open_own) as file:
            file.writelines(map(_line, kept))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self.path)
        _fsync_folder(self.path.parent)


def whole_lines(text: bytes) -> Iterator[bytes]:
    """Yield the bodies of the lines that are as they were written."""
    for line in filter(None, text.split(b"\n")):
        digest, _, body = line.partition(b" ")
        if digest == _digest(body):
            yield body


def _line(body: bytes) -> bytes:
    return _digest(body) + b" " + body + b"\n"


def _digest(body: bytes) -> bytes:
    return hashlib.sha256(body).hexdigest().encode("ascii")


def _open_own(name: str, flags: int) -> int:
    return os.open(name, flags | os.O_NOFOLLOW, 0o600)


def _fsync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
