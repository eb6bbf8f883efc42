"""Processes that share a database and a key ring, with keys that are quick to make."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm, RSAPSSAlgorithm

from auth_server.clock import DatabaseClock
from auth_server.keys.burning import Burning
from auth_server.keys.custodians.registry import all_custodians
from auth_server.keys.importing import Importing
from auth_server.keys.journal import PublishedJournal
from auth_server.keys.keyring import Keyring
from auth_server.keys.lifecycle import RotationPolicy
from auth_server.keys.restore import Restore
from auth_server.keys.rollback import RollbackWatch
from auth_server.keys.rotation import Rotation
from auth_server.keys.sealing import KeyEncryptionKeys
from auth_server.store.signing_keys import RingView, SigningKey
from shared import base64url
from shared.jose import ED25519, ES256, PS256, RS256
from shared.key_policy import KeyPolicy
from tests.support.clock import FakeClock
from tests.support.databases import Database

ISSUER: Final = "https://id.example"
KEK: Final = bytes(range(32))
OTHER_KEK: Final = bytes(range(1, 33))
POLICY: Final = RotationPolicy(KeyPolicy())


class Replica:
    """One process on a database: its store, rotation and keyring. The ring's algorithm is Ed25519, whose keys cost nothing."""

    def __init__(
        self,
        database: Database,
        *,
        keks: tuple[bytes, ...] = (KEK,),
        policy: RotationPolicy = POLICY,
        clock: DatabaseClock | None = None,
        alg: str = ED25519,
        ring: str = "default",
        journal: Path | None = None,
    ) -> None:
        self.alg = alg
        self.ring_name = ring
        self.policy = policy
        self.clock = clock or database.clock
        self.store = database.store(self.clock)
        self.custodians = all_custodians(issuer=ISSUER, key_encryption_keys=KeyEncryptionKeys(keks))
        self.watch = RollbackWatch(self.store, None if journal is None else PublishedJournal(journal))
        kept: dict[str, Any] = {"store": self.store, "custodians": self.custodians, "policy": policy, "watch": self.watch}
        self.rotation = Rotation(**kept, ring=ring, alg=alg)
        self.burning = Burning(**kept, sleep=self.pass_time)
        self.restore = Restore(**kept)
        self.importing = Importing(store=self.store, custodians=self.custodians, watch=self.watch)
        self.keyring = Keyring(**kept, clock=self.clock)

    async def start(self) -> Replica:
        """Make the first keys if need be, and read the ring."""
        await self.rotation.initialise()
        await self.keyring.refresh()
        return self

    async def turn(self) -> None:
        """Take one turn of the job that keeps the keys."""
        await self.rotation.tick()
        await self.keyring.refresh()

    async def rotate(self) -> None:
        """Let the standby sign as soon as everybody holds it."""
        await self.pass_time(self.policy.timings.publish_ahead + 1)
        await self.rotation.rotate_now()
        await self.keyring.refresh()

    async def pass_time(self, seconds: float) -> None:
        """Wait on the virtual clock."""
        if isinstance(self.clock, FakeClock):
            self.clock.advance(seconds)

    async def sign(self, **claims: object) -> str:
        """Sign some claims as an access token."""
        return await self.keyring.sign({"sub": "alice", "iat": self.clock.now(), **claims}, "at+jwt", self.alg)

    def ring(self) -> RingView:
        """Return its ring as the database has it."""
        view = self.store.read_blocking(lambda tx: tx.signing_keys.view(self.ring_name))
        assert view is not None
        return view

    def active(self) -> SigningKey:
        """Return the key that signs."""
        active = self.ring().active
        assert active is not None
        return active

    def pending(self) -> SigningKey:
        """Return the standby."""
        pending = self.ring().pending
        assert pending is not None
        return pending

    def every(self) -> dict[str, SigningKey]:
        """Return every key there ever was, by kid."""
        return {key.kid: key for key in self.store.read_blocking(lambda tx: tx.signing_keys.every())}

    def published(self) -> dict[str, dict[str, str]]:
        """Return the published keys by kid."""
        return {key["kid"]: key for key in json.loads(self.keyring.jwks()[0])["keys"]}


def key_events_of(replica: Replica) -> list[tuple[str, str, str]]:
    """Return what the audit log says: name, outcome and kid of each event."""
    events = [json.loads(body) for _, body in replica.store.read_blocking(lambda tx: tx.audit_events.since(0, 1000))]
    return [(event["name"], event["outcome"], event["detail"]["kid"]) for event in events]


def header_of(token: str) -> dict[str, Any]:
    """Return the header of a compact JWS."""
    parsed: dict[str, Any] = json.loads(base64url.decode(token.partition(".")[0].encode()))
    return parsed


def claims_of(token: str) -> dict[str, Any]:
    """Return the claims of a compact JWS, unverified."""
    parsed: dict[str, Any] = json.loads(base64url.decode(token.split(".")[1].encode()))
    return parsed


def is_signed_by(token: str, jwk: Mapping[str, str]) -> bool:
    """Say whether the signature of a compact JWS verifies under a published key."""
    algorithm: Any = {
        RS256: RSAAlgorithm(RSAAlgorithm.SHA256),
        PS256: RSAPSSAlgorithm(RSAPSSAlgorithm.SHA256),
        ES256: ECAlgorithm(ECAlgorithm.SHA256),
        ED25519: OKPAlgorithm(),
    }[jwk["alg"]]
    signed, _, signature = token.rpartition(".")
    return bool(algorithm.verify(signed.encode(), algorithm.from_jwk(dict(jwk)), base64url.decode(signature.encode())))
