"""Tokens that were verified a moment ago, so that the signature need not be checked again.

Keyed by the SHA-256 of the exact bytes: no live bearer token lies in a dict, and two tokens that differ in one byte never meet. One
cache belongs to one guard, so to one policy; it holds what a token says and never whether a request may pass. A hit stands only while
the keys are the same and the token's times still hold.
"""

from __future__ import annotations

import threading

from resource_server.verifier.token import VerifiedToken


class VerifiedTokens:
    """At most `capacity` tokens in two generations, young and old: recently used ones survive with no book-keeping on a hit.

    Args:
        capacity: number of tokens; 0 keeps none.
        leeway: seconds by which `exp`, `nbf` and `iat` may be missed.
    """

    def __init__(self, capacity: int, leeway: int) -> None:
        self._half = capacity // 2
        self._leeway = leeway
        self._keys_generation = -1
        self._young: dict[bytes, tuple[VerifiedToken, int, int]] = {}
        self._old: dict[bytes, tuple[VerifiedToken, int, int]] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def find(self, digest: bytes, keys_generation: int, now: float) -> VerifiedToken | None:
        """Return the token, if it was verified under these very keys and its times hold at `now` (seconds since the epoch)."""
        if keys_generation != self._keys_generation:
            return None
        if digest in self._young:
            token, valid_from, valid_until = self._young[digest]
        else:
            found = self._old.get(digest)
            if found is None:
                return None
            self._insert(digest, found, keys_generation)
            token, valid_from, valid_until = found
        return token if valid_from <= now < valid_until else None

    def add(self, digest: bytes, token: VerifiedToken, keys_generation: int) -> None:
        """Remember a token that was verified under these keys."""
        if self._half:
            entry = (token, token.valid_from - self._leeway, token.expires_at + self._leeway)
            self._insert(digest, entry, keys_generation)

    def _insert(self, digest: bytes, entry: tuple[VerifiedToken, int, int], keys_generation: int) -> None:
        with self._lock:
            if keys_generation > self._keys_generation:
                self._keys_generation, self._young, self._old = keys_generation, {}, {}
            elif keys_generation < self._keys_generation:
                return
            if len(self._young) >= self._half:
                self._old, self._young = self._young, {}
            self._young[digest] = entry
