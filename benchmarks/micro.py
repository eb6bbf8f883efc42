"""Operations in this process, by processor time of the thread: the raw ones that everything is measured by, verifying, committing."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import Sequence
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import Final
from unittest.mock import patch

from argon2.low_level import Type, hash_secret_raw
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

from auth_server.accounts.passwords import Argon2Cost
from auth_server.audit.events import EventName
from auth_server.audit.log import record
from auth_server.protocol.client import FIRST_PARTY_CLIENT_ID
from auth_server.protocol.refresh import RefreshToken
from auth_server.services import build_services
from auth_server.settings import load
from auth_server.store import writer
from auth_server.store.refresh_tokens import Presented
from auth_server.store.transaction import Transaction
from benchmarks import machine
from benchmarks.machine import microseconds_each
from benchmarks.seeding import seed
from resource_server import Guard
from resource_server.verifier.key_set import parse_key_set
from resource_server.verifier.policy import Policy
from resource_server.verifier.verify import verify
from shared import base64url

_SIGNED: Final = b"x" * 600
_ALGORITHMS: Final = frozenset({"RS256"})


class Raw:
    """The operations that no design makes cheaper, with a key of this run."""

    def __init__(self) -> None:
        self._private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._public = self._private.public_key()
        self._signature = self._private.sign(_SIGNED, padding.PKCS1v15(), SHA256())

    def sign(self, times: int = 300) -> float:
        """Return microseconds of one RSA-2048 signature."""
        return microseconds_each(lambda: self._private.sign(_SIGNED, padding.PKCS1v15(), SHA256()), times)

    def signing(self, seconds: float, cores: frozenset[int]) -> float:
        """Return microseconds of a signature, the mean of all that were made on these cores in so many seconds.

        What a server does by HTTP is a mean as well, over as long and on the same core: what disturbs one disturbs the other.
        """
        with machine.pinned(cores):
            signed, began, until = 0, time.thread_time_ns(), time.monotonic() + seconds
            while time.monotonic() < until:
                self._private.sign(_SIGNED, padding.PKCS1v15(), SHA256())
                signed += 1
            return (time.thread_time_ns() - began) / signed / 1000

    def verify(self, times: int = 3000) -> float:
        """Return microseconds of one RSA-2048 verification."""
        return microseconds_each(lambda: self._public.verify(self._signature, _SIGNED, padding.PKCS1v15(), SHA256()), times)

    def hash(self, times: int = 5) -> float:
        """Return microseconds of one Argon2id hash with the parameters of the auth server."""
        cost = Argon2Cost()
        return microseconds_each(
            lambda: hash_secret_raw(b"a long pass phrase", b"salt" * 4, cost.passes, cost.memory_kib, cost.lanes, 32, Type.ID),
            times,
        )


class Verifying:
    """Real tokens before the guard of their API, whose keys came from the issuer by HTTP."""

    def __init__(self, tokens: Sequence[str], issuer: str, audience: str, jwks: bytes) -> None:
        self._tokens = tokens
        self._policy = Policy(issuer, frozenset({audience}), _ALGORITHMS)
        self._remembering = Guard(issuer=issuer, audience=audience, cached_tokens=4 * len(tokens))
        self._forgetting = Guard(issuer=issuer, audience=audience, cached_tokens=0)
        self._one_key, self._many_keys = (parse_key_set(_with_other_keys(jwks, more), _ALGORITHMS) for more in (0, 999))
        for guard in (self._remembering, self._forgetting):
            guard.warm()
        self.remembered()

    def different(self) -> float:
        """Return microseconds of `Guard.verify` for tokens that it never remembers."""
        return self._guarded(self._forgetting)

    def remembered(self) -> float:
        """Return microseconds of `Guard.verify` for tokens that it saw before."""
        return self._guarded(self._remembering)

    def with_keys(self, *, many: bool) -> float:
        """Return microseconds of the verification itself, with a thousand keys in the set or with one."""
        key_set, policy, now = self._many_keys if many else self._one_key, self._policy, int(time.time())
        turn = cycle([token.encode("ascii") for token in self._tokens])
        return microseconds_each(lambda: verify(next(turn), key_set, policy, now), len(self._tokens))

    def close(self) -> None:
        """Stop the threads that keep the keys fresh."""
        self._remembering.close()
        self._forgetting.close()

    def _guarded(self, guard: Guard) -> float:
        turn = cycle(self._tokens)
        return microseconds_each(lambda: guard.verify(next(turn)), len(self._tokens))


class Committing:
    """Rotations of refresh tokens on a database of their own, with their audit events, and nothing else."""

    def __init__(self, folder: Path, *, rotations: int, at_once: int) -> None:
        environment = {"AUTH_SERVER_ISSUER": "http://localhost:8000", "AUTH_SERVER_DATA_DIR": str(folder)}
        seeded = seed(environment, people=1, families=2 * rotations)
        self._rotations, self._at_once = rotations, at_once
        self._services = build_services(load(environment))
        asyncio.run(self._services.load_secrets())
        self._tokens = [self._services.families.read(text) for text in seeded.refresh_tokens]

    def grouped(self) -> float:
        """Return rotations a second as the store does them."""
        return self._rate(writer.MAX_GROUP)

    def one_by_one(self) -> float:
        """Return rotations a second when each has a commit to itself."""
        return self._rate(1)

    def close(self) -> None:
        """Close the database."""
        self._services.close()

    def _rate(self, most_in_a_group: int) -> float:
        tokens, self._tokens = self._tokens[: self._rotations], self._tokens[self._rotations :]
        with patch.object(writer, "MAX_GROUP", most_in_a_group):
            began = time.perf_counter()
            asyncio.run(self._rotate_all(tokens))
            return len(tokens) / (time.perf_counter() - began)

    async def _rotate_all(self, tokens: list[RefreshToken]) -> None:
        async def session() -> None:
            while tokens_left:
                token = tokens_left.pop()
                assert await self._services.store.run(partial(_rotate, token))

        tokens_left = list(tokens)
        await asyncio.gather(*(session() for _ in range(self._at_once)))


def _rotate(token: RefreshToken, tx: Transaction) -> bool:
    presented = Presented(token.family_id, FIRST_PARTY_CLIENT_ID, token.seq, token.digest)
    record(tx, EventName.REFRESH_ROTATED, client_id=FIRST_PARTY_CLIENT_ID, grant_id=token.family_id.hex(), detail={"seq": 1})
    return tx.refresh_tokens.rotate(presented, new_hash=b"n" * 32, blob=b"b" * 160, quiet_ms=0, idle_ms=60_000)


def _with_other_keys(jwks: bytes, count: int) -> bytes:
    """Return a key set with `count` keys more; that nobody knows their private halves does not slow anything down."""
    document = json.loads(jwks)
    for number in range(count):
        modulus = secrets.randbits(2048) | 1 | 1 << 2047
        n = base64url.encode(modulus.to_bytes(256, "big"))
        document["keys"].append({"kty": "RSA", "use": "sig", "alg": "RS256", "kid": f"other-{number}", "n": n, "e": "AQAB"})
    return json.dumps(document).encode("ascii")
