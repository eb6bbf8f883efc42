"""A key set: parsed once, found by dict (RFC 7517 section 5).

One bad key is skipped and the rest load: an attacker or a mistake that adds a malformed key must not take the good ones away. Private
and symmetric material is never loaded. Two different keys under one `kid` are both left out, for nobody can say which is meant.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from resource_server.verifier import strict_json
from resource_server.verifier.compact import MAX_KEY_ID_CHARACTERS, Header
from resource_server.verifier.errors import AlgorithmNotAllowed, RevokedKey, UnknownKey
from resource_server.verifier.profile import Profile
from resource_server.verifier.signature import VerifyingKey, load_key
from shared import jose, jwk

_MAX_REMEMBERED_HEADERS: Final = 1024
_SHOWN_KEY_IDS: Final = 5
# Why a key is left out that is none of our business: an issuer may have keys for other APIs with other allow-lists.
NOT_ALLOWED: Final = "`alg` is not in the allow-list"


@dataclass(frozen=True, slots=True)
class KeySet:
    """The keys of one issuer at one time.

    `epoch` grows with every change of the issuer's ring, and is None where the issuer does not say. `revoked` are `kid`s that are dead
    for ever. `skipped` says for each key that was left out: its `kid` (as far as there is one) and why.
    """

    keys: Mapping[str, VerifyingKey]
    revoked: frozenset[str] = frozenset()
    epoch: int | None = None
    skipped: tuple[tuple[str, str], ...] = ()
    # Header segments, whole, under which a signature was already found good, with the profile that took them: tokens of one key share them
    # to the byte. Only the issuer can add to it, since the signature comes first; and what one profile takes another one may not.
    accepted_headers: dict[bytes, tuple[VerifyingKey, Profile]] = field(default_factory=dict, repr=False, compare=False)
    # The first few `kid`s, for a sentence that a flood of unknown ones would else put together each time.
    some_key_ids: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "some_key_ids", ", ".join(list(self.keys)[:_SHOWN_KEY_IDS]) or "none")

    def find(self, header: Header) -> VerifyingKey:
        """Return the key that a header names, if it is that key's own algorithm.

        Raises:
            RevokedKey: the issuer burned it.
            UnknownKey: no such key here.
            AlgorithmNotAllowed: the key is for another algorithm (RFC 8725 section 3.1).
        """
        if header.key_id in self.revoked:
            raise RevokedKey(f"kid {header.key_id!r} was burned by the issuer")
        key = self.keys.get(header.key_id)
        if key is None:
            raise UnknownKey(f"kid {header.key_id!r} is not among: {self.some_key_ids} (setting: issuer)", header.key_id)
        if key.algorithm != header.algorithm:
            raise AlgorithmNotAllowed(f"got alg {header.algorithm!r}, expected {key.algorithm!r}, which the key is for")
        return key

    def remember(self, header_segment: bytes, key: VerifyingKey, profile: Profile) -> None:
        """Note that this header, byte by byte, stood on a token whose signature was good, and in which profile it was acceptable."""
        if len(self.accepted_headers) < _MAX_REMEMBERED_HEADERS:
            self.accepted_headers[header_segment] = (key, profile)

    def without(self, revoked: frozenset[str]) -> KeySet:
        """Return the set with more `kid`s revoked; it starts with no remembered headers."""
        everything = self.revoked | revoked
        kept = {key_id: key for key_id, key in self.keys.items() if key_id not in everything}
        return KeySet(kept, everything, self.epoch, self.skipped)


def parse_key_set(body: bytes, algorithms: frozenset[str]) -> KeySet:
    """Return the usable keys of an issuer's JWKS document.

    Raises:
        ValueError: not a JWKS at all, or one without a single usable key. Nothing of it may be taken.
    """
    key_set = read_key_set(body, algorithms)
    if not key_set.keys:
        reasons = "; ".join(f"{key_id}: {why}" for key_id, why in key_set.skipped[:_SHOWN_KEY_IDS])
        raise ValueError(f"no usable key ({reasons or 'the list is empty'})")
    return key_set


def read_key_set(body: bytes, algorithms: frozenset[str]) -> KeySet:
    """Return what a JWKS document holds, be it no usable key at all (our own copy may know of nothing but revoked ones).

    Raises:
        ValueError: not a JWKS.
    """
    document = strict_json.parse_object_with_space(body)
    entries = document.get("keys")
    if not isinstance(entries, tuple):
        raise ValueError("no list of keys")
    revoked = _revoked(document.get("revoked", ()))
    epoch = document.get("epoch")
    if epoch is not None and (type(epoch) is not int or epoch < 0):
        raise ValueError("`epoch` is not a whole number")
    keys, skipped = _sort_out(entries, algorithms)
    usable = {key_id: key for key_id, key in keys.items() if key_id not in revoked}
    return KeySet(usable, revoked, epoch, tuple(skipped))


def _revoked(value: object) -> frozenset[str]:
    if not isinstance(value, tuple) or not all(type(key_id) is str for key_id in value):
        raise ValueError("`revoked` is not a list of key ids")
    return frozenset(value)


def _sort_out(entries: tuple[object, ...], algorithms: frozenset[str]) -> tuple[dict[str, VerifyingKey], list[tuple[str, str]]]:
    keys: dict[str, VerifyingKey] = {}
    skipped: list[tuple[str, str]] = []
    ambiguous: set[str] = set()
    for entry in entries:
        try:
            key = _parse_key(entry, algorithms)
        except ValueError as error:
            key_id = entry.get("kid") if isinstance(entry, Mapping) else None
            skipped.append((str(key_id)[:MAX_KEY_ID_CHARACTERS], str(error)))
            continue
        if keys.setdefault(key.key_id, key) != key:
            ambiguous.add(key.key_id)
    for key_id in ambiguous:
        del keys[key_id]
        skipped.append((key_id, "two different keys have this kid"))
    return keys, skipped


def _parse_key(entry: object, algorithms: frozenset[str]) -> VerifyingKey:
    if not isinstance(entry, strict_json.FrozenObject):
        raise ValueError("not a JSON object")
    if jwk.PRIVATE_MEMBERS & entry.keys():
        raise ValueError("private or symmetric key material was published")
    if entry.get("use", "sig") != "sig":
        raise ValueError("not for signatures (`use`)")
    operations = entry.get("key_ops", ("verify",))
    if not isinstance(operations, tuple) or "verify" not in operations:
        raise ValueError("not for verifying (`key_ops`)")
    key_id = entry.get("kid")
    if type(key_id) is not str or not 0 < len(key_id) <= MAX_KEY_ID_CHARACTERS:
        raise ValueError("no usable `kid`")
    return load_key(entry, key_id, _algorithm(entry, algorithms))


def _algorithm(entry: Mapping[str, object], algorithms: frozenset[str]) -> str:
    named = entry.get("alg")
    if named is not None:
        if not isinstance(named, str) or named not in algorithms:
            raise ValueError(NOT_ALLOWED)
        return named
    # RFC 7517 section 4.4 makes `alg` optional. A key without one is taken only where the allow-list leaves a single meaning.
    fitting = [a for a in algorithms if jose.KEY_TYPE[a] == (entry.get("kty"), entry.get("crv"))]
    if len(fitting) != 1:
        raise ValueError("no `alg`, and no single allowed algorithm fits the key")
    return fitting[0]
