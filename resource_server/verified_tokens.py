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

    Attributes:
        keys_generation: of the keys that all of them were verified under.
        young: those that were used last, by digest; to be read, and to be asked only after `keys_generation`.
    """

    def __init__(self, capacity: int, leeway: int) -> None:
        self._half = capacity // 2
        self._leeway = leeway
        self.keys_generation = -1
        self.young: dict[bytes, VerifiedToken] = {}
        self._old: dict[bytes, VerifiedToken] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self.young) + len(self._old)

    def find(self, digest: bytes, keys_generation: int, now: float) -> VerifiedToken | None:
        """Return the token, if it was verified under these very keys and its times hold at `now` (seconds since the epoch)."""
        if keys_generation != self.keys_generation:
            return None
        young, old = self.young, self._old  # either only ever grows, so what is found in it stays in it
        if digest in young:
            token = young[digest]
        elif digest in old:
            token = old[digest]
            self.add(digest, token, keys_generation)
        else:
            return None
        return token if token.valid_from - self._leeway <= now < token.expires_at + self._leeway else None

    def add(self, digest: bytes, token: VerifiedToken, keys_generation: int) -> None:
        """Remember a token that was verified under these keys."""
        if not self._half:
            return
        if keys_generation != self.keys_generation or len(self.young) >= self._half:
            self._turn(keys_generation)
        # Without the lock: one store into a dict is atomic, and an entry that lands in a dict just retired is merely forgotten early.
        if keys_generation == self.keys_generation:
            self.young[digest] = token

    def _turn(self, keys_generation: int) -> None:
        with self._lock:
            if keys_generation > self.keys_generation:
                self.young, self._old, self.keys_generation = {}, {}, keys_generation
            elif keys_generation == self.keys_generation and len(self.young) >= self._half:
                self.young, self._old = {}, self.young
