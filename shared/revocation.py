"""Entries of the revocation feed: what may be named dead, which tokens an entry matches, and how it is spelt on the wire.

An entry only ever adds refusals. Whole-second times make `iat <= nbf` the right test: with `<`, a token minted earlier in the same
second would survive.

The feed is read by cursor. `GET {revocation_feed_endpoint}?after=N&wait=S` answers with a compact JWS, `typ` `revocation-feed+jwt`:

    {"iss", "iat", "from", "to", "key_epoch", "entries": [{"n", "t", "kind", "key", "nbf"?, "until"}], "snapshot"?: true, "more"?: true}

The page holds every living entry numbered `from` to `to`; the next question is `after=to`. `snapshot` says that it begins anew: what
came before either is in it, or has expired. `more` says that the answer was cut at its largest size, so ask again at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

# Members of the metadata document.
ENDPOINT_MEMBER: Final = "revocation_feed_endpoint"
ALGORITHMS_MEMBER: Final = "revocation_feed_signing_alg_values_supported"

# The longest that a question may wait for news, and how long a reader may hear nothing before the feed counts as silent: one wait and
# one fetch.
LONGEST_WAIT: Final = 10
FETCH_SECONDS: Final = 5
SILENT_AFTER: Final = LONGEST_WAIT + FETCH_SECONDS

# Bounds of one page; what does not fit comes with the next one.
MAX_PAGE_ENTRIES: Final = 1_000
MAX_PAGE_BYTES: Final = 512 * 1024

MAX_KEY_CHARACTERS: Final = 2_048
_MAX_NUMBER: Final = 2**53


class RevocationKind(StrEnum):
    """What an entry ends; `key` of the entry says which one."""

    KID = "kid"  # every token under one signing key
    GRANT = "grant"  # one authorization: a refresh family and its access tokens
    SID = "sid"  # one sign-in session
    SUBJECT = "sub_nbf"  # all tokens of a subject up to `nbf`
    CLIENT = "client_nbf"  # all tokens of a client up to `nbf`
    ALL = "all_nbf"  # every token up to `nbf`
    TOKEN = "jti"  # one access token


BOUNDED: Final = frozenset({RevocationKind.SUBJECT, RevocationKind.CLIENT, RevocationKind.ALL})


_KINDS: Final = {kind.value: kind for kind in RevocationKind}


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


def to_wire(number: int, written_at: int, entry: RevocationEntry) -> dict[str, object]:
    """Spell an entry; `written_at` is in seconds since the epoch."""
    members: dict[str, object] = {"n": number, "t": written_at, "kind": entry.kind.value, "key": entry.key, "until": entry.until}
    if entry.not_before is not None:
        members["nbf"] = entry.not_before
    return members


def from_wire(members: object) -> tuple[int, RevocationEntry] | None:
    """Read an entry and its number; None for a kind that is not known here, which a later issuer may have added.

    Raises:
        ValueError: not an entry.
    """
    if not isinstance(members, Mapping):
        raise ValueError("an entry is no object")
    number, until = _whole(members.get("n")), _whole(members.get("until"))
    name, key = members.get("kind"), members.get("key")
    if not isinstance(name, str) or not isinstance(key, str) or len(key) > MAX_KEY_CHARACTERS:
        raise ValueError("the kind or key of an entry is no text, or too long")
    kind = _KINDS.get(name)
    if kind is None:
        return None
    return number, RevocationEntry(kind, key, until, _whole(members.get("nbf")) if kind in BOUNDED else None)


def _whole(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < _MAX_NUMBER:
        raise ValueError("a number or time of an entry is missing or no whole number")
    return value
