"""Our own tokens, verified inside the server: access tokens at userinfo and the like, ID tokens that come back as hints.

An access token counts only when its signature is by a published key *and* nothing ended it: the database is here, so nobody waits
for the feed. A hint proves no more than that this issuer once wrote it, so a retired key and an expired token do; a burned key does
not, because whoever stole it could have written it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from auth_server.keys.keyring import Keyring
from auth_server.keys.public_half import is_signed_by
from auth_server.protocol.id_token import ID_TOKEN_TYPE
from auth_server.store.signing_keys import KeyState
from auth_server.store.store import Store
from auth_server.store.transaction import Transaction
from shared import base64url, jose
from shared.claims import REQUIRED
from shared.revocation import RevocationKind


class NotOurs(Exception):
    """No valid token of this issuer of the kind that is asked for; the text is for the log."""


@dataclass(frozen=True, slots=True)
class OwnToken:
    """The verified claims of a token that this issuer signed. Only a verifier makes one."""

    claims: Mapping[str, Any] = field(repr=False)

    def text(self, name: str) -> str | None:
        """Return a claim that is a text."""
        value = self.claims.get(name)
        return value if isinstance(value, str) else None

    @property
    def scope(self) -> frozenset[str]:
        """Return the scopes of an access token."""
        return frozenset((self.text("scope") or "").split())

    @property
    def audience(self) -> frozenset[str]:
        """Return the audience."""
        value = self.claims.get("aud")
        return frozenset([value] if isinstance(value, str) else [name for name in value or () if isinstance(name, str)])


@dataclass(frozen=True, slots=True)
class _Jws:
    header: Mapping[str, Any]
    payload: Mapping[str, Any]
    signed: bytes
    signature: bytes


class LocalVerifier:
    """Verifies what this issuer signed."""

    def __init__(self, *, store: Store, keyring: Keyring, issuer: str) -> None:
        self._store = store
        self._keyring = keyring
        self._issuer = issuer
        self._keys: tuple[str, dict[str, Mapping[str, str]]] = ("", {})

    async def access_token(self, text: str) -> OwnToken:
        """Return a living access token, whoever it is for.

        Raises:
            NotOurs: malformed, another kind, not by a published key, expired, or ended by anything.
            KeyUnavailable, StoreUnavailable: it cannot be judged now.
        """
        token = self.signed_access_token(text)
        fault = await self._store.read(lambda tx: why_ended(tx, token))
        if fault is not None:
            raise NotOurs(fault)
        return token

    def signed_access_token(self, text: str) -> OwnToken:
        """Return an access token whose signature and time are right; whether anything ended it says `why_ended`.

        Raises:
            NotOurs: malformed, another kind, not by a published key, or expired.
            KeyUnavailable: it cannot be judged now.
        """
        jws = _read(text)
        if str(jws.header.get("typ", "")).lower() not in jose.ACCESS_TOKEN_TYPES:
            raise NotOurs("no access token")
        self._check_signature(jws, self._published().get(str(jws.header.get("kid"))))
        token = OwnToken(jws.payload)
        self._check_claims(token)
        return token

    async def hint(self, text: str, client_id: str | None = None) -> OwnToken:
        """Return an ID token that this issuer once wrote, expired or not.

        Args:
            client_id: for whom it must have been written; None takes any client's.

        Raises:
            NotOurs: malformed, another kind, not by a key of ours that was never burned, or for another client.
            StoreUnavailable: it cannot be judged now.
        """
        jws = _read(text)
        if jws.header.get("typ") != ID_TOKEN_TYPE:
            raise NotOurs("no ID token")
        kid = str(jws.header.get("kid"))
        key = await self._store.read(lambda tx: tx.signing_keys.find(kid))
        if key is None or key.state in (KeyState.COMPROMISED, KeyState.PENDING):
            raise NotOurs("no key of ours that ever signed, or a burned one")
        self._check_signature(jws, {**key.public_jwk, "alg": key.alg})
        token = OwnToken(jws.payload)
        if token.claims.get("iss") != self._issuer or token.text("sub") is None:
            raise NotOurs("another issuer's, or nobody's")
        if client_id is not None and token.audience != {client_id}:
            raise NotOurs("for another client")
        return token

    def _published(self) -> Mapping[str, Mapping[str, str]]:
        published = self._keyring.published()
        if self._keys[0] != published.etag:
            self._keys = (published.etag, {key["kid"]: key for key in json.loads(published.body)["keys"]})
        return self._keys[1]

    def _check_signature(self, jws: _Jws, key: Mapping[str, str] | None) -> None:
        if key is None or jws.header.get("alg") != key["alg"]:
            raise NotOurs("not by a key of ours, or by another algorithm")
        try:
            signed = is_signed_by(key, jws.signed, jws.signature)
        except ValueError:
            signed = False
        if not signed:
            raise NotOurs("the signature does not verify")

    def _check_claims(self, token: OwnToken) -> None:
        claims, now = token.claims, self._store.clock.now()
        if claims.get("iss") != self._issuer or any(claims.get(name) is None for name in REQUIRED):
            raise NotOurs("another issuer's, or claims are missing")
        if not isinstance(claims["exp"], int) or now >= claims["exp"]:
            raise NotOurs("expired")


def why_ended(tx: Transaction, token: OwnToken) -> str | None:
    """Return why a verified access token counts no more, as the database knows it now; None when it does.

    Everything that ends tokens leaves an entry on the feed, which lives as long as any token it could match.
    """
    claims = token.claims
    named = [
        (RevocationKind.TOKEN, token.text("jti")),
        (RevocationKind.GRANT, token.text("grant_id")),
        (RevocationKind.SID, token.text("sid")),
        (RevocationKind.SUBJECT, token.text("sub")),
        (RevocationKind.CLIENT, token.text("client_id")),
        (RevocationKind.ALL, ""),
    ]
    wanted = [(kind.value, key) for kind, key in named if key is not None]
    if tx.revocations.matches(wanted, issued_at=int(claims["iat"])):
        return "named on the revocation feed"
    sid = token.text("sid")
    if sid is not None and tx.sessions.has_ended(sid):
        return "its session is over"
    return None


def _read(text: str) -> _Jws:
    parts = text.split(".")
    if len(text) > jose.MAX_COMPACT_BYTES or len(parts) != 3 or not text.isascii():
        raise NotOurs("no compact JWS")
    try:
        header, payload, signature = (base64url.decode(part.encode("ascii")) for part in parts)
        members = json.loads(header), json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise NotOurs("not base64url of JSON") from error
    if not all(isinstance(member, dict) for member in members):
        raise NotOurs("not objects")
    if not jose.FORBIDDEN_HEADER_MEMBERS.isdisjoint(members[0]):
        raise NotOurs("a forbidden header member")
    return _Jws(*members, f"{parts[0]}.{parts[1]}".encode("ascii"), signature)
