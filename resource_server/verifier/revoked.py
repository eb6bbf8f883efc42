"""What an issuer has revoked, and whether a token is among it: a handful of look-ups, however much that is.

Entries only ever add refusals. They are forgotten when every token that they could match has expired; a burned key never is, for whoever
stole it goes on signing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from resource_server.verifier.errors import RevokedKey, RevokedToken
from resource_server.verifier.token import VerifiedToken
from shared import claims as names
from shared.revocation import RevocationEntry, RevocationKind

# More than this of one issuer is not remembered: the memory of an API is not the issuer's to fill.
MAX_ENTRIES: Final = 1_000_000


class TooManyRevocations(Exception):
    """An issuer named more than may be remembered."""


class Revoked:
    """The living entries of one issuer's feed. One thread at a time adds and forgets, any thread asks; each step is one
    operation on a dict.

    `any` is false while nothing at all is revoked, so that whoever asks often can ask that first.
    """

    def __init__(self) -> None:
        self.any = False
        # Every key of every kind; what is in here is looked at more closely.
        self._index: set[str | None] = set()
        self._named: dict[RevocationKind, dict[str, int]] = {kind: {} for kind in RevocationKind}
        self._bounds: dict[RevocationKind, dict[str | None, int]] = {kind: {} for kind in RevocationKind}
        self._kids = self._named[RevocationKind.KID]
        self._by_claim = (
            (names.TOKEN_ID, self._named[RevocationKind.TOKEN]),
            (names.GRANT_ID, self._named[RevocationKind.GRANT]),
            (names.SESSION_ID, self._named[RevocationKind.SID]),
        )
        self._subjects = self._bounds[RevocationKind.SUBJECT]
        self._clients = self._bounds[RevocationKind.CLIENT]
        self._all = self._bounds[RevocationKind.ALL]

    def __len__(self) -> int:
        return sum(map(len, self._named.values()))

    def add(self, entry: RevocationEntry) -> None:
        """Take an entry; one that is known already can only get longer and reach further.

        Raises:
            TooManyRevocations: there is no room.
        """
        named = self._named[entry.kind]
        if entry.key not in named and len(self) >= MAX_ENTRIES:
            raise TooManyRevocations(f"more than {MAX_ENTRIES} entries")
        if entry.not_before is not None:
            bounds = self._bounds[entry.kind]
            bounds[entry.key] = max(entry.not_before, bounds.get(entry.key, 0))
        named[entry.key] = max(entry.until, named.get(entry.key, 0))
        self._index.add(entry.key)
        self.any = True

    def check(self, token: VerifiedToken) -> None:
        """Refuse a token that is named dead.

        Raises:
            RevokedKey: its signing key was burned.
            RevokedToken: it was ended, alone or together with others; the hint says by which entry.

        Whole seconds: a token of the very second of a revocation may be older than it, so it is refused.
        """
        claims = token.read
        get = claims.get
        try:
            # One look for all of them: hardly any token is among them, and every request asks.
            if not self._all and self._index.isdisjoint(
                (token.key_id, get("jti"), get("grant_id"), get("sid"), get("sub"), get("client_id"))
            ):
                return
        except TypeError:  # a foreign issuer's claim that no set can be asked for
            pass
        self._check_each(token)

    def _check_each(self, token: VerifiedToken) -> None:
        claims = token.read
        if token.key_id in self._kids:
            raise RevokedKey(f"kid {token.key_id!r}")
        for name, dead in self._by_claim:
            value = claims.get(name)
            # A foreign issuer may put anything there, also what no dict can be asked for.
            if type(value) is str and value in dead:
                raise RevokedToken(f"{name} {value!r}")
        issued_at = claims[names.ISSUED_AT]
        if issued_at <= self._subjects.get(claims.get(names.SUBJECT), -1):
            raise RevokedToken("everything of its sub that was issued until then")
        if issued_at <= self._clients.get(claims.get(names.CLIENT_ID), -1):
            raise RevokedToken("everything of its client_id that was issued until then")
        if issued_at <= self._all.get("", -1):
            raise RevokedToken("everything that was issued until then")

    def is_burned(self, key_id: str) -> bool:
        """Say whether a signing key was named dead."""
        return key_id in self._kids

    def forget(self, now: float) -> None:
        """Drop entries whose tokens have all expired at `now`, seconds since the epoch."""
        for kind, named in self._named.items():
            if kind is not RevocationKind.KID:
                bounds = self._bounds[kind]
                for key in [key for key, until in named.items() if until < now]:
                    named.pop(key)
                    bounds.pop(key, None)
        self._index = {key for named in self._named.values() for key in named}
        self.any = bool(self._index)

    def entries(self) -> Iterator[RevocationEntry]:
        """Return everything that is remembered, to be kept elsewhere."""
        for kind, named in self._named.items():
            for key, until in named.items():
                yield RevocationEntry(kind, key, until, self._bounds[kind].get(key))
