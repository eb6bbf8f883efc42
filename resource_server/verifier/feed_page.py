"""From bytes to a page of the revocation feed: signature first, then the issuer, the time, and each entry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from resource_server.verifier import compact as compact_form
from resource_server.verifier.errors import TokenRefused, UnknownKey
from resource_server.verifier.key_set import KeySet
from resource_server.verifier.revoked import Revoked
from resource_server.verifier.signature import check_signature
from resource_server.verifier.strict_json import FrozenObject, parse_object
from shared import base64url, jose
from shared.revocation import MAX_PAGE_BYTES, SILENT_AFTER, RevocationEntry, RevocationKind, from_wire

_TYPES: Final = frozenset({jose.REVOCATION_FEED_TYPE, f"application/{jose.REVOCATION_FEED_TYPE}"})


class BadPage(Exception):
    """Nothing of this answer may be taken; the text says why."""


class SignedByUnknownKey(BadPage):
    """No key at hand can settle it. `key_id` is the one to look for."""

    def __init__(self, key_id: str) -> None:
        super().__init__(f"signed with an unknown key {key_id!r}")
        self.key_id = key_id


@dataclass(frozen=True, slots=True)
class Page:
    """Every living entry numbered `first` to `last`; see `shared/revocation.py`."""

    first: int
    last: int
    key_epoch: int
    is_snapshot: bool
    has_more: bool
    entries: Sequence[RevocationEntry]


def verify_page(compact: bytes, key_set: KeySet, revoked: Revoked, *, issuer: str, leeway: int, now: float) -> Page:
    """Return the page that `compact` is.

    Args:
        revoked: what is known already; a burned key vouches for nothing.
        leeway: seconds by which clocks may differ.
        now: seconds since the epoch.

    Raises:
        SignedByUnknownKey: look for the key, and verify once more.
        BadPage: why not.
    """
    try:
        header, payload, signing_input, signature = compact_form.split(compact, MAX_PAGE_BYTES)
        named = compact_form.parse_header(header, _TYPES)
        key = key_set.find(named)
        check_signature(key, signing_input, signature)
        claims = parse_object(base64url.decode(payload))
    except UnknownKey as unknown:
        raise SignedByUnknownKey(unknown.key_id) from unknown
    except TokenRefused as refusal:
        raise BadPage(f"{refusal.reason}: {refusal.hint}") from refusal
    except ValueError as error:
        raise BadPage(f"payload: {error}") from error
    _check_origin(claims, issuer, leeway, now)
    entries = _read_entries(claims)
    if revoked.is_burned(key.key_id) or any(e.kind is RevocationKind.KID and e.key == key.key_id for e in entries):
        # Of a key's end another key must tell, and then this one tells of nothing any more.
        raise BadPage(f"signed with the burned key {key.key_id!r}")
    first, last, epoch = (_number(claims, name) for name in ("from", "to", "key_epoch"))
    return Page(first, last, epoch, claims.get("snapshot") is True, claims.get("more") is True, entries)


def _check_origin(claims: FrozenObject, issuer: str, leeway: int, now: float) -> None:
    if claims.get("iss") != issuer:
        raise BadPage(f"got iss {claims.get('iss')!r}, expected {issuer!r}")
    issued_at = _number(claims, "iat")
    # An old page would hide what was revoked since. It is old when the feed would count as silent.
    if not now - leeway - SILENT_AFTER <= issued_at <= now + leeway:
        distance = f"{now - issued_at:.0f} s ago" if now >= issued_at else f"{issued_at - now:.0f} s in the future"
        raise BadPage(f"signed {distance} by this machine's clock")


def _read_entries(claims: FrozenObject) -> list[RevocationEntry]:
    listed = claims.get("entries")
    if not isinstance(listed, tuple):
        raise BadPage("no list of entries")
    try:
        return [read[1] for members in listed if (read := from_wire(members)) is not None]
    except ValueError as error:
        raise BadPage(str(error)) from error


def _number(claims: FrozenObject, name: str) -> int:
    value = claims.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise BadPage(f"no whole number {name!r}")
    return value
