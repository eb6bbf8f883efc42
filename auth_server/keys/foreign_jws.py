"""Compact JWS that others signed: taken apart strictly, and verified by keys that were registered beforehand and by no other.

An assertion says nothing about the key it is verified with but its `kid`: neither `jwk` nor `jku` nor a certificate counts, and the
algorithm must be one of ours and fit the key (RFC 8725 sections 3.1 and 3.10).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from auth_server.keys.key_documents import KeyDocumentRefused, read_key
from auth_server.keys.public_half import is_signed_by
from auth_server.protocol.errors import ApiError
from auth_server.web.request import parse_object
from shared import base64url, jose

MOST_KEYS: Final = 20
# `typ` values of assertions: none, the plain one, and those that drafts give to them. An access token, an ID token's logout sibling or
# a proof of another kind says so in `typ`, and is none (RFC 8725 section 3.11).
_TYPES: Final = frozenset({None, "jwt", "client-authentication+jwt", "application/client-authentication+jwt"})


class MalformedJws(ValueError):
    """No compact JWS that could be an assertion. The text is fixed and repeats nothing of it."""


class UnknownKid(Exception):
    """Well-formed, and by a key that is not in the set: an older set may be all that is known."""


@dataclass(frozen=True, slots=True)
class UnverifiedJws:
    """Taken apart; nothing in it is true yet."""

    alg: str
    kid: str | None
    claims: Mapping[str, Any]
    signing_input: bytes = field(repr=False)
    signature: bytes = field(repr=False)


def parse(compact: str) -> UnverifiedJws:
    """Take a compact JWS apart.

    Raises:
        MalformedJws: not three canonical parts of well-formed JSON, an algorithm that is not ours, a `typ` of another kind, or a header
            that brings a key or changes what the bytes mean.
    """
    if len(compact) > jose.MAX_COMPACT_BYTES or not compact.isascii() or compact.count(".") != 2:
        raise MalformedJws("no compact JWS")
    signing_input, _, encoded_signature = compact.encode("ascii").rpartition(b".")
    encoded_header, _, encoded_payload = signing_input.partition(b".")
    try:
        header = parse_object(base64url.decode(encoded_header))
        claims = parse_object(base64url.decode(encoded_payload))
        signature = base64url.decode(encoded_signature)
    except (ValueError, ApiError) as error:
        raise MalformedJws("not well-formed") from error
    alg, kid, typ = header.get("alg"), header.get("kid"), header.get("typ")
    if not isinstance(alg, str) or alg not in jose.ALGORITHMS:
        raise MalformedJws("an algorithm that is not taken")
    if not isinstance(kid, str | None) or not isinstance(typ, str | None) or (typ and typ.lower()) not in _TYPES:
        raise MalformedJws("a header of another kind")
    if not jose.FORBIDDEN_HEADER_MEMBERS.isdisjoint(header):
        raise MalformedJws("a header that brings a key")
    return UnverifiedJws(alg, kid, claims, signing_input, signature)


def is_by_one_of(jws: UnverifiedJws, keys: Sequence[Mapping[str, Any]]) -> bool:
    """Say whether a key of a set signed this: the one that `kid` names, or without a `kid` any that fits.

    Raises:
        UnknownKid: the set holds no such key.
    """
    fitting = [key for key in keys[:MOST_KEYS] if _fits(key, jws)]
    if not fitting:
        raise UnknownKid("no key of the set fits")
    return any(_verifies(key, jws) for key in fitting)


def key_set(document: Mapping[str, Any] | None) -> list[Mapping[str, Any]]:
    """Return the keys of a JWK Set (RFC 7517 section 5); a member that is no key is left out."""
    keys = (document or {}).get("keys")
    return [key for key in keys if isinstance(key, dict)] if isinstance(keys, list) else []


def _fits(key: Mapping[str, Any], jws: UnverifiedJws) -> bool:
    if jws.kid is not None and key.get("kid") != jws.kid:
        return False
    return (
        (key.get("kty"), key.get("crv")) == jose.KEY_TYPE[jws.alg]
        and key.get("alg", jws.alg) == jws.alg
        and key.get("use", "sig") == "sig"
        and (not isinstance(key.get("key_ops"), list) or "verify" in key["key_ops"])
    )


def _verifies(key: Mapping[str, Any], jws: UnverifiedJws) -> bool:
    try:
        public = read_key({**key, "alg": jws.alg}).public_jwk
        return is_signed_by(public, jws.signing_input, jws.signature)
    except (KeyDocumentRefused, ValueError):
        return False
