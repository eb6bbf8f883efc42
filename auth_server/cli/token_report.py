"""What can be said of an access token: first what it claims, decoded and believed by nobody; then whether it is ours and alive."""

from __future__ import annotations

import binascii
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from auth_server.keys.public_half import is_signed_by
from auth_server.store.signing_keys import SigningKey
from shared import base64url
from shared.revocation import RevocationEntry, RevocationKind

_MAX_CHARACTERS: Final = 64 * 1024

# Which claim an entry of the feed is held against.
_CLAIM_OF: Final = {
    RevocationKind.GRANT: "grant_id",
    RevocationKind.SID: "sid",
    RevocationKind.SUBJECT: "sub",
    RevocationKind.CLIENT: "client_id",
    RevocationKind.TOKEN: "jti",
}


@dataclass(frozen=True, slots=True)
class Decoded:
    """A compact JWS taken apart. Nothing of it is verified."""

    header: Mapping[str, Any]
    claims: Mapping[str, Any]
    signing_input: bytes
    signature: bytes


def decode(text: str) -> Decoded | None:
    """Take a compact JWS apart without believing it; None when it is none."""
    parts = text.split(".")
    if len(parts) != 3 or len(text) > _MAX_CHARACTERS or not text.isascii():
        return None
    try:
        header, payload, signature = (base64url.decode(part.encode("ascii")) for part in parts)
        members, claims = json.loads(header), json.loads(payload)
    except (ValueError, binascii.Error, RecursionError):
        return None
    if not isinstance(members, dict) or not isinstance(claims, dict):
        return None
    return Decoded(members, claims, f"{parts[0]}.{parts[1]}".encode("ascii"), signature)


def signature_fault(token: Decoded, keys: Mapping[str, SigningKey]) -> str | None:
    """Return why the signature is not by a key of ours, or None when it is."""
    kid, alg = token.header.get("kid"), token.header.get("alg")
    if not isinstance(kid, str) or kid not in keys:
        return "no key of ours has this kid: another issuer's token, or a forged one"
    key = keys[kid]
    if alg != key.alg:
        return f"the header says {alg!r}, and our key of this kid is for {key.alg}: forged"
    if not is_signed_by({**key.public_jwk, "alg": key.alg}, token.signing_input, token.signature):
        return "the signature is wrong: forged, or changed on its way"
    return None


def matching_entries(token: Decoded, entries: Iterable[RevocationEntry]) -> list[RevocationEntry]:
    """Return the entries of the feed that name this token dead."""
    return [entry for entry in entries if _matches(token, entry)]


def seconds_of(token: Decoded, claim: str) -> int | None:
    """Return a time claim in whole seconds; None when it is missing or no number that could be a time."""
    value = token.claims.get(claim)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e11:
        return None
    return int(value)


def _matches(token: Decoded, entry: RevocationEntry) -> bool:
    if entry.kind is RevocationKind.KID:
        return token.header.get("kid") == entry.key
    if entry.kind is not RevocationKind.ALL and token.claims.get(_CLAIM_OF[entry.kind]) != entry.key:
        return False
    if entry.not_before is None:
        return True
    issued_at = seconds_of(token, "iat")
    return issued_at is None or issued_at <= entry.not_before
