"""The last good key set on disk, so that a restart needs no issuer. Public keys only."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from resource_server.digest_file import DigestFile, StateUnusable, as_text
from resource_server.verifier.key_set import KeySet, read_key_set

__all__ = ["SavedKeys", "StateFile", "StateUnusable"]

_FORMAT: Final = 1
_MAX_BYTES: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class SavedKeys:
    """A key set and when the issuer last confirmed it, in seconds since the epoch."""

    key_set: KeySet
    confirmed_at: float


class StateFile:
    """One issuer's file in a folder that several issuers, and several processes, may share."""

    def __init__(self, folder: Path, issuer: str, algorithms: frozenset[str]) -> None:
        self._algorithms = algorithms
        self._file = DigestFile(folder, "keys", issuer, version=_FORMAT, max_bytes=_MAX_BYTES)
        self.path = self._file.path

    def load(self) -> SavedKeys | None:
        """Return what was saved, or None if nothing was.

        Raises:
            StateUnusable: damaged, of another issuer or format, or writable by others.
        """
        content = self._file.load()
        if content is None:
            return None
        confirmed_at, jwks = content.get("confirmed_at"), content.get("jwks")
        if not isinstance(confirmed_at, int | float) or not isinstance(jwks, str):
            raise StateUnusable(f"{self.path}: members are missing")
        try:
            return SavedKeys(read_key_set(jwks.encode(), self._algorithms), float(confirmed_at))
        except ValueError as error:
            raise StateUnusable(f"{self.path}: {error}") from error

    def save(self, key_set: KeySet, confirmed_at: float) -> None:
        """Replace the file, atomically and durably.

        Raises:
            OSError: the disk's own reasons.
        """
        keys = {"keys": [dict(key.jwk) for key in key_set.keys.values()], **_ring(key_set)}
        self._file.save({"confirmed_at": confirmed_at, "jwks": as_text(keys)})


def _ring(key_set: KeySet) -> dict[str, object]:
    ring: dict[str, object] = {"revoked": sorted(key_set.revoked)}
    return ring if key_set.epoch is None else {**ring, "epoch": key_set.epoch}
