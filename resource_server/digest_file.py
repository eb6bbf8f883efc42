"""A small document on disk that survives a torn write, and that nobody else can have written.

It is replaced as a whole and carries its own digest, so damage is noticed; who may write to it may choose what is trusted, so it is not
read if others than the owner can.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from resource_server.verifier import strict_json


class StateUnusable(Exception):
    """There is a file, and nothing of it may be used; the text says why."""


class DigestFile:
    """One document about one issuer, in a folder that several issuers, and several processes, may share.

    Args:
        kind: the first part of the file's name.
        version: of the document's form; another one is not read.
        max_bytes: a larger file is not read.
    """

    def __init__(self, folder: Path, kind: str, issuer: str, *, version: int, max_bytes: int) -> None:
        self._kind, self._issuer, self._version, self._max_bytes = kind, issuer, version, max_bytes
        self.path = folder / f"{kind}-{hashlib.sha256(issuer.encode()).hexdigest()[:16]}.json"

    def load(self) -> Mapping[str, object] | None:
        """Return what was saved, or None if nothing was.

        Raises:
            StateUnusable: damaged, of another issuer or format, or writable by others.
        """
        try:
            with self.path.open("rb") as file:
                self._check_owner(os.fstat(file.fileno()))
                body = file.read(self._max_bytes + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StateUnusable(f"cannot read {self.path}: {error.strerror}") from error
        try:
            return self._parse(body)
        except ValueError as error:
            raise StateUnusable(f"{self.path}: {error}") from error

    def save(self, members: Mapping[str, object]) -> None:
        """Replace the file, atomically and durably.

        Raises:
            OSError: the disk's own reasons.
        """
        content = {"format": self._version, "issuer": self._issuer, **members}
        body = as_text({**content, "sha256": _digest(content)}).encode()
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=self.path.parent, prefix=f".{self._kind}-")  # mode 0600
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(body)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(self.path)
        except OSError:
            with suppress(OSError):
                Path(temporary).unlink()
            raise

    def _parse(self, body: bytes) -> Mapping[str, object]:
        if len(body) > self._max_bytes:
            raise ValueError("too large")
        document = strict_json.parse_object(body)
        content = {name: value for name, value in document.items() if name != "sha256"}
        if document.get("sha256") != _digest(content):
            raise ValueError("the digest does not fit: the file is damaged")
        if content.get("format") != self._version or content.get("issuer") != self._issuer:
            raise ValueError("another format or issuer")
        return content

    def _check_owner(self, status: os.stat_result) -> None:
        if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise StateUnusable(f"{self.path} can be written by others than its owner")
        if hasattr(os, "geteuid") and status.st_uid not in {0, os.geteuid()}:
            raise StateUnusable(f"{self.path} belongs to another user")


def as_text(value: object) -> str:
    """Return the one JSON spelling that the digest is made of."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _digest(content: Mapping[str, object]) -> str:
    return hashlib.sha256(as_text(content).encode()).hexdigest()
