"""The file of key encryption keys beside an SQLite database, made on first use for its owner alone."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from pathlib import Path
from typing import Final

from auth_server.keys.sealing import generate_key_encryption_key

FILE_NAME: Final = "key-encryption-keys"
_MAX_BYTES: Final = 64 * 1024


class KeyFileRefused(Exception):
    """The file cannot be trusted or read; the sentence says what would be right."""


def load_or_create(data_dir: Path) -> tuple[str, ...]:
    """Return the keys in `data_dir/key-encryption-keys`, one a line, the sealing one first; make the file with one key when absent.

    Two processes that start at once agree on one file.

    Raises:
        KeyFileRefused: others may read or write it, it is no plain file, or it is empty.
    """
    path = data_dir / FILE_NAME
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            _create(path)
        return _read(path)
    except OSError as error:
        raise KeyFileRefused(f"{path}: {error.strerror}") from error


def _create(path: Path) -> None:
    # Written whole under another name, then linked: a crash leaves no half file, and a link never replaces what is there.
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    with open(draft, "x", opener=lambda name, flags: os.open(name, flags, 0o600), encoding="ascii") as file:
        file.write(generate_key_encryption_key() + "\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink()
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _open_no_link(name: str, flags: int) -> int:
    # A named pipe would make the start hang: without waiting it opens, and is refused as no plain file.
    return os.open(name, flags | os.O_NOFOLLOW | os.O_NONBLOCK)


def _read(path: Path) -> tuple[str, ...]:
    if path.parent.stat().st_mode & stat.S_IWOTH:
        raise KeyFileRefused(f"{path.parent}: everybody may write to this folder; run `chmod o-w` on it")
    with open(path, opener=_open_no_link, encoding="ascii", errors="replace") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise KeyFileRefused(f"{path}: not a plain file")
        if status.st_mode & 0o077:
            raise KeyFileRefused(f"{path}: others than its owner may read or write it; run `chmod 600` on it")
        keys = tuple(file.read(_MAX_BYTES).split())
    if not keys:
        raise KeyFileRefused(f"{path}: holds no key")
    return keys
