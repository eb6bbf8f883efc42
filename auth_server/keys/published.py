"""The key set that is published: bytes made once for each change of a ring, the same bytes on every replica."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from auth_server.keys.journal import Journaled
from auth_server.keys.lifecycle import PUBLISHED
from auth_server.store.signing_keys import KeyState, RingView, SigningKey
from shared import base64url
from shared.jose import MAX_JWKS_BYTES

# Spelt out, so that nothing a custodian may ever put beside them is published.
_MEMBERS: Final = ("kty", "kid", "use", "alg", "n", "e", "crv", "x", "y")

# Some nine hundred burned keys, which are told for ever: time enough to move to another issuer.
_WARN_ABOVE_BYTES: Final = MAX_JWKS_BYTES * 3 // 4


@dataclass(frozen=True, slots=True)
class PublishedKeys:
    """The body of the JWKS, its strong ETag, and what else is known of it."""

    body: bytes
    etag: str
    epoch: int
    kids: frozenset[str]
    revoked: tuple[str, ...]


def publish(views: Sequence[RingView]) -> PublishedKeys:
    """Return the key set of all rings: `{"keys": […], "epoch": …, "revoked": […]}`.

    `revoked` lists compromised keys for ever; together with `epoch` it lets a resource server recognise a set that is older than its
    own. RFC 7517 section 5 lets others ignore both.
    """
    keys = [key for view in views for key in view.keys]
    published = [_public(key) for key in keys if key.state in PUBLISHED]
    revoked = tuple(sorted(key.kid for key in keys if key.state is KeyState.COMPROMISED))
    epoch = max((view.epoch for view in views), default=0)
    return _set_of(published, epoch, revoked)


def republish(last: Journaled, views: Sequence[RingView]) -> PublishedKeys:
    """Return the key set that was published last, less what is known to be dead: what to serve from a database that is older.

    Every resource server holds this one already, so nothing valid is rejected and no burn is undone.
    """
    dead = last.revoked | {key.kid for view in views for key in view.keys if key.state is KeyState.COMPROMISED}
    published = [dict(key) for kid, key in last.keys.items() if kid not in dead]
    return _set_of(published, last.epoch, tuple(sorted(dead)))


def size_warnings(published: PublishedKeys | None) -> tuple[str, ...]:
    """Return what an operator should know of a key set that grows: a resource server refuses one that is too large, as it must."""
    if published is None or len(published.body) <= _WARN_ABOVE_BYTES:
        return ()
    return (f"the key set has {len(published.body)} bytes, and no resource server takes more than {MAX_JWKS_BYTES}",)


def _set_of(published: list[dict[str, str]], epoch: int, revoked: tuple[str, ...]) -> PublishedKeys:
    document = {"keys": published, "epoch": epoch, "revoked": list(revoked)}
    body = json.dumps(document, separators=(",", ":")).encode("ascii")
    etag = f'"{base64url.encode(hashlib.sha256(body).digest()[:18])}"'
    return PublishedKeys(body, etag, epoch, frozenset(key["kid"] for key in published), revoked)


def _public(key: SigningKey) -> dict[str, str]:
    # `kid`, `use` and `alg` are ours to say: an imported key's own document may lack them.
    members = {**key.public_jwk, "kid": key.kid, "use": "sig", "alg": key.alg}
    return {name: members[name] for name in _MEMBERS if name in members}
