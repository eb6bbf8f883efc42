"""Entries of the revocation feed: what may be named dead, and which tokens an entry matches.

An entry only ever adds refusals. Whole-second times make `iat <= nbf` the right test: with `<`, a token minted earlier in the same
second would survive.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class RevocationKind(StrEnum):
    """What an entry ends; `key` of the entry says which one."""

    KID = "kid"  # every token under one signing key
    GRANT = "grant"  # one authorization: a refresh family and its access tokens
    SID = "sid"  # one sign-in session
    SUBJECT = "sub_nbf"  # all tokens of a subject up to `nbf`
    CLIENT = "client_nbf"  # all tokens of a client up to `nbf`
    ALL = "all_nbf"  # every token up to `nbf`
    TOKEN = "jti"  # one access token


@dataclass(frozen=True, slots=True)
class RevocationEntry:
    """One line of the feed.

    `not_before` is in whole seconds since the epoch, and only the kinds that end in `_nbf` have it. `until` (seconds) is when every
    token the entry could match has expired, so the entry may be forgotten.
    """

    kind: RevocationKind
    key: str
    until: int
    not_before: int | None = None
