"""Passwords: which are acceptable, how they are stored and compared.

Argon2id with the second of the equivalent settings of the OWASP cheat sheet (19 MiB, two passes, one lane; RFC 9106). Rules after
NIST SP 800-63B section 3.1.1: length and a comparison with what is commonly used, no rules of composition, NFKC before hashing.
"""

from __future__ import annotations

import base64
import importlib
import re
import secrets
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from auth_server.accounts.password_pool import PasswordPool
from auth_server.protocol.errors import ApiError

__all__ = ["Argon2Cost", "PasswordPool", "Passwords"]

MIN_LENGTH: Final = 15
# With a second factor eight would do; nothing may be configured below that.
LOWEST_MIN_LENGTH: Final = 8
MAX_BYTES: Final = 1024
_DIGEST_BYTES: Final = 32
_SALT_BYTES: Final = 16
# What zxcvbn estimates for eight characters in which it recognises nothing. At the pace that guessing is slowed down to: 190 years.
_LEAST_GUESSES: Final = 10**8
# zxcvbn refuses more than 72 characters, and its time explodes long before (72 symbols: 2.9 s, 24: 0.09 s). A password is at least
# as hard to guess as any part of it, so it is enough that one part is hard.
_SCORED_LENGTH: Final = 72
_SCORED_PART: Final = 24
# Shorter names occur in honest passwords by chance.
_SHORTEST_NAME: Final = 4


@dataclass(frozen=True, slots=True)
class Argon2Cost:
    """What one hash costs: memory in KiB, passes over it, lanes."""

    memory_kib: int = 19_456
    passes: int = 2
    lanes: int = 1


class Passwords:
    """Hashes, compares and judges passwords, all of it in the pool.

    Args:
        pool: where the work is done.
        issuer: the server's own URL; a password that holds its name is refused.
        min_length: characters a password needs at least; 15 where it is the only factor.
        cost: of a hash. Digests of another cost are renewed when their owner signs in.

    Raises:
        ValueError: `min_length` is below 8.
    """

    def __init__(
        self, pool: PasswordPool, *, issuer: str = "", min_length: int = MIN_LENGTH, cost: Argon2Cost | None = None
    ) -> None:
        if min_length < LOWEST_MIN_LENGTH:
            raise ValueError(f"the least length of a password is never below {LOWEST_MIN_LENGTH}")
        cost = cost or Argon2Cost()
        self._pool = pool
        self._min_length = min_length
        self._issuer_words = _names_in(issuer)
        self._hasher = PasswordHasher(
            time_cost=cost.passes,
            memory_cost=cost.memory_kib,
            parallelism=cost.lanes,
            hash_len=_DIGEST_BYTES,
            salt_len=_SALT_BYTES,
            type=Type.ID,
        )
        # Nobody's password: its digest is random. Comparing with it costs what comparing with a real one costs.
        self._dummy = (
            f"$argon2id$v=19$m={cost.memory_kib},t={cost.passes},p={cost.lanes}${_random(_SALT_BYTES)}${_random(_DIGEST_BYTES)}"
        )

    async def hash(self, password: str) -> str:
        """Return the digest to store, with salt and parameters (PHC string format).

        Raises:
            ValueError: the password cannot be one; `faults` says so before.
            ApiError: 503 `overloaded`.
        """
        normal = _normal(password)
        if normal is None:
            raise ValueError("not an acceptable password")
        return await self._pool.run(lambda: self._hasher.hash(normal))

    async def matches(self, digest: str | None, password: str) -> bool:
        """Say whether a password is the one behind a digest; with None the answer is no, after the same work.

        Raises:
            ApiError: 503 `overloaded`.
        """
        normal = _normal(password)
        equal = await self._pool.run(lambda: self._equal(digest or self._dummy, normal or ""))
        return equal and digest is not None and normal is not None

    def is_outdated(self, digest: str) -> bool:
        """Say whether a digest was made with other parameters than today's."""
        return self._hasher.check_needs_rehash(digest)

    async def faults(self, password: str, *, names: Iterable[str | None], may_be_weak: bool = False) -> tuple[str, ...]:
        """Return a sentence for each reason why a password is not acceptable; empty when it is.

        Args:
            names: what must not be in it: user name and mail address.
            may_be_weak: skip the comparison with names and common passwords and take 8 characters; for operators alone.

        Raises:
            ApiError: 503 `overloaded`.
        """
        normal = _normal(password)
        if normal is None:
            return (f"It must be text of at most {MAX_BYTES} bytes in UTF-8.",)
        least = LOWEST_MIN_LENGTH if may_be_weak else self._min_length
        if len(normal) < least:
            return (f"It must have at least {least} characters.",)
        if may_be_weak:
            return ()
        words = self._issuer_words.union(*(_names_in(name or "") for name in names))
        if any(word in normal.casefold() for word in words):
            return ("It must not contain your user name, your mail address or the name of this site.",)
        return await self._pool.run(lambda: _weaknesses(normal, sorted(words)))

    async def refuse_weak(self, password: str, *, names: Iterable[str | None], may_be_weak: bool = False) -> None:
        """Refuse a password that is not acceptable; arguments as for `faults`.

        Raises:
            ApiError: 422 `weak_password` with reasons; 503 `overloaded`.
        """
        reasons = await self.faults(password, names=names, may_be_weak=may_be_weak)
        if reasons:
            raise ApiError(422, "weak_password", "This password cannot be used.", reasons=reasons)

    def _equal(self, digest: str, password: str) -> bool:
        try:
            return self._hasher.verify(digest, password)
        except (VerificationError, InvalidHashError):
            return False


def _normal(password: str) -> str | None:
    """Return the password in NFKC, so that every keyboard spells it alike; None when it cannot be one."""
    try:
        if len(password.encode()) > MAX_BYTES:
            return None
        normal = unicodedata.normalize("NFKC", password)
        return normal if len(normal.encode()) <= MAX_BYTES else None
    except UnicodeEncodeError:
        return None


def _weaknesses(password: str, words: list[str]) -> tuple[str, ...]:
    # Its word lists take 9 MiB and 61 ms to load: only who signs up pays, once.
    zxcvbn = importlib.import_module("zxcvbn").zxcvbn
    scored = password[:_SCORED_LENGTH]
    parts = [scored[start : start + _SCORED_PART] for start in range(0, len(scored), _SCORED_PART)]
    results = [zxcvbn(part, user_inputs=words) for part in parts]
    if any(result["guesses"] >= _LEAST_GUESSES for result in results):
        return ()
    warning: str = results[0]["feedback"]["warning"]
    return ("It is too easy to guess.", *([warning] if warning else []))


def _names_in(text: str) -> frozenset[str]:
    """Return the words of a name, an address or a URL that are long enough to be told from chance, and the whole of it."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    whole = re.sub(r"^https?://|:\d+$", "", folded)
    return frozenset(word for word in (whole, *re.split(r"[^\w-]+", whole)) if len(word) >= _SHORTEST_NAME)


def _random(size: int) -> str:
    return base64.b64encode(secrets.token_bytes(size)).decode().rstrip("=")
