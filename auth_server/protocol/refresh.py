"""Refresh tokens: how one is spelt, and what presenting one means.

A token carries its family, its generation `seq` and a secret under a MAC, so garbage is refused without a look at the database and an
old but genuine token can be told from noise. The family is one row: the digests of the current and the previous token, never a chain.

The rules (G quiet window, GL retry grace; `now` is the database's clock):

    seq == row.seq, current digest      older than G, or the first one      -> ROTATE: answer the successor
                                        within G                            -> REPEAT: the same token again
    seq == row.seq - 1, previous digest successor never presented, within GL -> REPLAY: the stored successor, byte for byte
                                        successor presented, within G       -> REPLAY, nothing extended
                                        else                                -> REUSE: the family ends
    seq <  row.seq - 1                                                      -> REUSE
    seq >  row.seq (genuine)                                                -> AHEAD: the database was rolled back; no revocation

    GL by kind: 120 s where a token works by itself, a day where it is bound to a key or needs a client's authentication, 0 is strict.
    More than 20 replays of one generation are slowed down; replays in three generations on end are suspicious (an alarm, or by
    policy the end of the family).

So an honest client is never logged out: several tabs at once, a lost answer, and a server killed at any instant all end in the same
successor. A thief is caught: no generation is accepted later than GL + G after it was rotated out.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from auth_server.protocol.client import Client
from auth_server.protocol.errors import InvalidGrant
from shared import base64url

PREFIX: Final = "rt1_"
MAX_REPLAYS: Final = 20
# A network loses an answer now and then. Where each answer seems to be lost, two may be holding one token.
SUSPICIOUS_GENERATIONS: Final = 3
# A stolen token that is bound to a key, or needs a client's authentication, is useless by itself, so it may be retried for a day.
BOUND_RETRY_GRACE_SECONDS: Final = 86_400
_TAG_BYTES: Final = 16
_BODY_BYTES: Final = 1 + 16 + 4 + 32
_ENCODED_CHARACTERS: Final = len(PREFIX) + (4 * (_BODY_BYTES + _TAG_BYTES) + 2) // 3


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """A genuine token, taken apart. `digest` is the SHA-256 of the whole text: 256 random bits need no slow hash."""

    family_id: bytes
    seq: int
    text: str = field(repr=False)
    digest: bytes = field(repr=False)


def spell(*, mac_kid: int, mac_key: bytes, family_id: bytes, seq: int, secret: bytes) -> RefreshToken:
    """Return the token `rt1_` + base64url(mac_kid 1 | family_id 16 | seq 4 | secret 32 | tag 16)."""
    body = bytes([mac_kid]) + family_id + seq.to_bytes(4, "big") + secret
    return _token(PREFIX + base64url.encode(body + _tag(mac_key, body)), body)


def read(text: str, mac_keys: Mapping[int, bytes]) -> RefreshToken:
    """Take a presented token apart.

    Raises:
        InvalidGrant: not a token that one of these keys tagged.
    """
    if len(text) != _ENCODED_CHARACTERS or not text.startswith(PREFIX) or not text.isascii():
        raise InvalidGrant(_REFUSED, detail="not the form of a refresh token")
    try:
        raw = base64url.decode(text[len(PREFIX) :].encode("ascii"))
    except ValueError as error:
        raise InvalidGrant(_REFUSED, detail="not canonical base64url") from error
    body, tag = raw[:_BODY_BYTES], raw[_BODY_BYTES:]
    key = mac_keys.get(body[0])
    if key is None or not hmac.compare_digest(_tag(key, body), tag):
        raise InvalidGrant(_REFUSED, detail="the tag is not ours")
    return _token(text, body)


def _token(text: str, body: bytes) -> RefreshToken:
    return RefreshToken(body[1:17], int.from_bytes(body[17:21], "big"), text, hashlib.sha256(text.encode("ascii")).digest())


def _tag(key: bytes, body: bytes) -> bytes:
    return hmac.digest(key, body, "sha256")[:_TAG_BYTES]


@dataclass(frozen=True, slots=True)
class RefreshPolicy:
    """Durations in seconds: G, GL for public clients, and the lifetimes of a family.

    `ends_suspicious`: replays in three generations on end do not only raise the alarm, they end the family.
    """

    quiet_window: float = 30
    retry_grace: float = 120
    idle_lifetime: float = 14 * 86_400
    lifetime: float = 90 * 86_400
    ends_suspicious: bool = False

    def retry_grace_of(self, client: Client, *, is_bound: bool = False) -> float:
        """Return GL for a client, and for a token that is bound to a key or is not: 0 stays 0 (strict) for all."""
        if (client.is_public and not is_bound) or self.retry_grace == 0:
            return self.retry_grace
        return max(self.retry_grace, BOUND_RETRY_GRACE_SECONDS)


@dataclass(frozen=True, slots=True)
class Family:
    """A refresh family's row. Times are milliseconds by the database's clock, `auth_time` in seconds.

    `issued_at` is when the current token was last handed out by a rotation or a first replay; `cur_seen` whether the current token
    was presented at all. `for_issuer` says that its access tokens are good at the issuer's own userinfo endpoint as well; `claims` is
    the `claims` parameter of the request behind it. `replay_streak` counts the generations on end, before the current one, whose
    successor was asked for again; `cnf` names the key that the family is bound to (RFC 7800).
    """

    id: bytes
    client_id: str
    sub: str
    sid: str | None
    scope: frozenset[str]
    resource: str
    seq: int
    cur_hash: bytes = field(repr=False)
    prev_hash: bytes | None = field(repr=False)
    rotated_at: int
    issued_at: int
    cur_seen: bool
    has_successor: bool
    replay_count: int
    idle_expires_at: int
    absolute_expires_at: int
    revoked_at: int | None
    auth_time: int
    acr: str
    amr: tuple[str, ...]
    pairwise_subject: str | None = None
    for_issuer: bool = False
    claims: str | None = None
    cnf: str | None = None
    replay_streak: int = 0

    @property
    def is_bound(self) -> bool:
        """Say whether its tokens work only for who holds a key."""
        return self.cnf is not None

    @property
    def subject(self) -> str:
        """Return what its tokens call the person."""
        return self.pairwise_subject or self.sub

    @property
    def grant_id(self) -> str:
        """Return the family's name in tokens, logs and the feed."""
        return base64url.encode(self.id)


class Step(StrEnum):
    """What presenting a token means."""

    ROTATE = "rotate"
    REPEAT = "repeat"
    REPLAY = "replay"
    KEEP = "keep"
    REUSE = "reuse"
    AHEAD = "ahead"
    REFUSE = "refuse"
    SLOW_DOWN = "slow_down"
    SUSPICIOUS = "suspicious"


def classify(token: RefreshToken, family: Family, client: Client, policy: RefreshPolicy, now_ms: int) -> Step:
    """Return what presenting `token` means for a family that is alive. The rules stand at the head of this module."""
    if token.seq > family.seq:
        return Step.AHEAD
    if token.seq == family.seq:
        return _current(token, family, client, policy, now_ms)
    if token.seq == family.seq - 1 and family.prev_hash is not None and hmac.compare_digest(token.digest, family.prev_hash):
        return _previous(family, client, policy, now_ms)
    return Step.REUSE


def _current(token: RefreshToken, family: Family, client: Client, policy: RefreshPolicy, now_ms: int) -> Step:
    if not hmac.compare_digest(token.digest, family.cur_hash):
        # Genuine tag, right generation, other secret: only a leaked MAC key makes such a thing. It opens nothing.
        return Step.REFUSE
    if not rotates(client, family):
        return Step.KEEP
    if family.seq == 0 or now_ms - family.issued_at > policy.quiet_window * 1000:
        return Step.ROTATE
    return Step.REPEAT


def _previous(family: Family, client: Client, policy: RefreshPolicy, now_ms: int) -> Step:
    grace = policy.retry_grace_of(client, is_bound=family.is_bound)
    if family.cur_seen:
        within = now_ms - family.issued_at <= policy.quiet_window * 1000
    else:
        within = now_ms - family.rotated_at <= grace * 1000
    # No grace means strict: what was rotated out is never accepted again, not even in the same instant.
    if not grace or not within or not family.has_successor:
        return Step.REUSE
    if policy.ends_suspicious and is_suspicious(family.replay_streak):
        return Step.SUSPICIOUS
    return Step.REPLAY if family.replay_count < MAX_REPLAYS else Step.SLOW_DOWN


def rotates(client: Client, family: Family) -> bool:
    """Say whether a family's tokens rotate: as the client is registered, and else where nothing but the token itself is asked for."""
    return client.rotates and (client.rotates_refresh_tokens is True or not family.is_bound)


def is_suspicious(replay_streak: int) -> bool:
    """Say whether one more generation that is replayed makes them too many on end."""
    return replay_streak >= SUSPICIOUS_GENERATIONS - 1


def is_live(family: Family, now_ms: int) -> bool:
    """Say whether the family itself is neither revoked nor over its lifetimes. The bounds are exclusive."""
    return family.revoked_at is None and now_ms < family.idle_expires_at and now_ms < family.absolute_expires_at


_REFUSED: Final = "the refresh token is not valid"


def refused(detail: str) -> InvalidGrant:
    """Return the one answer for every refresh token that does not work; `detail` is for the log."""
    return InvalidGrant(_REFUSED, detail=detail)
