"""The last good key set on disk, so that a restart needs no issuer.

Public keys only. The file is replaced as a whole and carries its own digest, so a torn write is noticed; who may write to it may choose
the keys, so it is not read if others than the owner can.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from resource_server.verifier import strict_json
from resource_server.verifier.key_set import KeySet, read_key_set

_FORMAT: Final = 1
_MAX_BYTES: Final = 1024 * 1024


class StateUnusable(Exception):
    """There is a file, and nothing of it may be used; the text says why."""


@dataclass(frozen=True, slots=True)
class SavedKeys:
    """A key set and when the issuer last confirmed it, in seconds since the epoch."""

    key_set: KeySet
    confirmed_at: float


class StateFile:
    """One issuer's file in a folder that several issuers, and several processes, may share."""

    def __init__(self, folder: Path, issuer: str, algorithms: frozenset[str]) -> None:
        self._issuer, self._algorithms = issuer, algorithms
        self.path = folder / f"keys-{hashlib.sha256(issuer.encode()).hexdigest()[:16]}.json"

    def load(self) -> SavedKeys | None:
        """Return what was saved, or None if nothing was.

        Raises:
            StateUnusable: damaged, of another issuer or format, or writable by others.
        """
        try:
            with self.path.open("rb") as file:
                self._check_owner(os.fstat(file.fileno()))
                body = file.read(_MAX_BYTES + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StateUnusable(f"cannot read {self.path}: {error.strerror}") from error
        try:
            return self._parse(body)
        except ValueError as error:
            raise StateUnusable(f"{self.path}: {error}") from error

    def save(self, key_set: KeySet, confirmed_at: float) -> None:
        """Replace the file, atomically and durably.

        Raises:
            OSError: the disk's own reasons.
        """
        content = {
            "format": _FORMAT,
            "issuer": self._issuer,
            "confirmed_at": confirmed_at,
            "jwks": _as_text({"keys": [dict(key.jwk) for key in key_set.keys.values()], **_ring(key_set)}),
        }
        body = _as_text({**content, "sha256": _digest(content)}).encode()
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=self.path.parent, prefix=".keys-")  # mode 0600
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

    def _parse(self, body: bytes) -> SavedKeys:
        if len(body) > _MAX_BYTES:
            raise ValueError("too large")
        document = strict_json.parse_object(body)
        content = {name: value for name, value in document.items() if name != "sha256"}
        if document.get("sha256") != _digest(content):
            raise ValueError("the digest does not fit: the file is damaged")
        if content.get("format") != _FORMAT or content.get("issuer") != self._issuer:
            raise ValueError("another format or issuer")
        confirmed_at, jwks = content.get("confirmed_at"), content.get("jwks")
        if not isinstance(confirmed_at, int | float) or not isinstance(jwks, str):
            raise ValueError("members are missing")
        return SavedKeys(read_key_set(jwks.encode(), self._algorithms), float(confirmed_at))

    def _check_owner(self, status: os.stat_result) -> None:
        if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise StateUnusable(f"{self.path} can be written by others than its owner")
        if hasattr(os, "geteuid") and status.st_uid not in {0, os.geteuid()}:
            raise StateUnusable(f"{self.path} belongs to another user")


def _ring(key_set: KeySet) -> dict[str, object]:
    ring: dict[str, object] = {"revoked": sorted(key_set.revoked)}
    return ring if key_set.epoch is None else {**ring, "epoch": key_set.epoch}


def _as_text(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _digest(content: dict[str, object]) -> str:
    return hashlib.sha256(_as_text(content).encode()).hexdigest()
