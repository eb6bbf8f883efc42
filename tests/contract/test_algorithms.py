"""Every algorithm there is, from the real keyring to the real verifier, and to two libraries of other people.

`tests/attacks/` forges; here an honest issuer has several rings, and each API says which of them it takes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import permutations
from typing import Any

import jwt
import pytest
from joserfc import jwt as joserfc_jwt
from joserfc.jwk import KeySet as JoserfcKeySet
from jwt.algorithms import OKPAlgorithm

from auth_server.keys.keyring import Keyring
from auth_server.keys.rings import Rings
from resource_server.verifier.errors import AlgorithmNotAllowed, BadSignature, TokenRefused, UnknownKey
from resource_server.verifier.key_set import NOT_ALLOWED, KeySet, parse_key_set
from resource_server.verifier.policy import Policy
from resource_server.verifier.verify import verify
from shared import base64url
from shared.jose import ALGORITHMS, ED25519, ES256, PS256, RS256
from tests.support.clock import FakeClock
from tests.support.databases import Database
from tests.support.keys import POLICY, Replica, header_of

API = "https://api.example"
ISSUER = "https://id.example"
EVERY = (RS256, PS256, ES256, ED25519)


@pytest.fixture
async def keyring(database: Database, clock: FakeClock) -> Keyring:
    """An issuer with a ring of each algorithm, all of them ready."""
    replica = Replica(database)
    rings = Rings(store=replica.store, custodians=replica.custodians, policy=POLICY, algorithms=EVERY)
    await rings.initialise()
    clock.advance(POLICY.timings.publish_ahead + 1)
    await rings.tick()
    await replica.keyring.refresh()
    return replica.keyring


@pytest.fixture
def rfc_9864_in_pyjwt() -> Iterator[None]:
    """PyJWT knows Ed25519 by the name that RFC 9864 deprecates."""
    jwt.register_algorithm("Ed25519", OKPAlgorithm())
    yield
    jwt.unregister_algorithm("Ed25519")


async def a_token(keyring: Keyring, alg: str, now: int) -> str:
    claims = {"iss": ISSUER, "aud": API, "sub": "alice", "client_id": "app", "jti": "1", "iat": now, "exp": now + 600}
    return await keyring.sign(claims, "at+jwt", alg)


def policy_of(*algorithms: str) -> Policy:
    return Policy(issuer=ISSUER, audiences=frozenset({API}), algorithms=frozenset(algorithms))


def keys_for(keyring: Keyring, *algorithms: str) -> KeySet:
    """Return what an API with this allow-list makes of the published bytes."""
    return parse_key_set(keyring.jwks()[0], frozenset(algorithms))


def test_nothing_is_left_out() -> None:
    assert set(EVERY) == ALGORITHMS


@pytest.mark.anyio
async def test_what_each_ring_signs_verifies(keyring: Keyring, clock: FakeClock) -> None:
    for alg in EVERY:
        token = await a_token(keyring, alg, clock.now())

        verified = verify(token.encode(), keys_for(keyring, alg), policy_of(alg), clock.now())

        assert header_of(token) == {"alg": alg, "typ": "at+jwt", "kid": verified.key_id}
        assert verified.claims["sub"] == "alice"


@pytest.mark.anyio
@pytest.mark.usefixtures("rfc_9864_in_pyjwt")
@pytest.mark.parametrize("alg", EVERY)
async def test_what_each_ring_signs_verifies_elsewhere(alg: str, keyring: Keyring, clock: FakeClock) -> None:
    token = await a_token(keyring, alg, clock.now())
    document: dict[str, Any] = json.loads(keyring.jwks()[0])
    key = next(key for key in document["keys"] if key["kid"] == header_of(token)["kid"])

    timeless: Any = {"verify_exp": False, "verify_iat": False}
    public_key = jwt.PyJWK(key, {ED25519: "EdDSA"}.get(alg, alg)).key
    by_pyjwt = jwt.decode(token, public_key, algorithms=[alg], audience=API, issuer=ISSUER, options=timeless)
    by_joserfc = joserfc_jwt.decode(token, JoserfcKeySet.import_key_set(document), algorithms=[alg])

    assert by_pyjwt == by_joserfc.claims
    assert by_pyjwt["sub"] == "alice"


@pytest.mark.anyio
async def test_a_library_that_does_not_know_one_algorithm_still_finds_the_keys_of_the_others(keyring: Keyring) -> None:
    """Without this, adding a ring would take the key set away from APIs that never asked for it."""
    document = json.loads(keyring.jwks()[0])

    found = jwt.PyJWKSet.from_dict(document)

    assert {key.algorithm_name for key in found.keys} >= {RS256, PS256, ES256}


@pytest.mark.anyio
async def test_an_api_that_takes_one_algorithm_refuses_the_others_of_the_same_issuer(keyring: Keyring, clock: FakeClock) -> None:
    for allowed, other in permutations(EVERY, 2):
        keys = keys_for(keyring, allowed)
        assert {key.algorithm for key in keys.keys.values()} == {allowed}
        assert {why for _, why in keys.skipped} == {NOT_ALLOWED}

        assert verify((await a_token(keyring, allowed, clock.now())).encode(), keys, policy_of(allowed), clock.now())
        with pytest.raises(AlgorithmNotAllowed):
            verify((await a_token(keyring, other, clock.now())).encode(), keys, policy_of(allowed), clock.now())


@pytest.mark.anyio
async def test_an_api_that_takes_all_takes_each_under_its_own_key(keyring: Keyring, clock: FakeClock) -> None:
    keys = keys_for(keyring, *EVERY)

    tokens = [await a_token(keyring, alg, clock.now()) for alg in EVERY]

    assert len({verify(token.encode(), keys, policy_of(*EVERY), clock.now()).key_id for token in tokens}) == len(EVERY)


def renamed(token: str, **members: str) -> bytes:
    """The token with other words in its header; its signature is left as it is."""
    header = base64url.encode(json.dumps({**header_of(token), **members}).encode())
    return ".".join([header, *token.split(".")[1:]]).encode()


@pytest.mark.anyio
async def test_the_algorithm_of_a_token_is_its_keys_own(keyring: Keyring, clock: FakeClock) -> None:
    """RFC 8725 section 3.1: not even between RS256 and PS256, whose keys are of one kind."""
    keys = keys_for(keyring, *EVERY)

    for alg, named in permutations(EVERY, 2):
        forged = renamed(await a_token(keyring, alg, clock.now()), alg=named)
        with pytest.raises(AlgorithmNotAllowed):
            verify(forged, keys, policy_of(*EVERY), clock.now())


@pytest.mark.anyio
async def test_a_signature_of_one_ring_is_none_under_a_key_of_another(keyring: Keyring, clock: FakeClock) -> None:
    keys = keys_for(keyring, *EVERY)
    tokens = {alg: await a_token(keyring, alg, clock.now()) for alg in EVERY}

    for alg, other in permutations(EVERY, 2):
        header = header_of(tokens[other])
        with pytest.raises(AlgorithmNotAllowed):
            verify(renamed(tokens[alg], kid=header["kid"]), keys, policy_of(*EVERY), clock.now())
        with pytest.raises(BadSignature):
            verify(renamed(tokens[alg], kid=header["kid"], alg=header["alg"]), keys, policy_of(*EVERY), clock.now())


@pytest.mark.anyio
@pytest.mark.parametrize("signature", [bytes(64), b"", bytes(63) + b"\x01", bytes.fromhex("3006020100020100")])
async def test_an_es256_signature_of_zeros_is_refused(signature: bytes, keyring: Keyring, clock: FakeClock) -> None:
    """CVE-2022-21449: r = s = 0 passed for a signature of anything, raw or in DER."""
    token = await a_token(keyring, ES256, clock.now())
    forged = f"{token.rpartition('.')[0]}.{base64url.encode(signature)}".encode()

    with pytest.raises(TokenRefused) as refusal:
        verify(forged, keys_for(keyring, *EVERY), policy_of(*EVERY), clock.now())

    assert signature == b"" or isinstance(refusal.value, BadSignature)


@pytest.mark.anyio
async def test_es256_signatures_are_raw_and_of_one_length(keyring: Keyring, clock: FakeClock) -> None:
    """RFC 7518 section 3.4: 32 + 32 octets, leading zeros kept; DER would be of changing length."""
    tokens = [await a_token(keyring, ES256, clock.now()) for _ in range(20)]

    assert {len(base64url.decode(token.rpartition(".")[2].encode())) for token in tokens} == {64}


@pytest.mark.anyio
async def test_a_closed_ring_is_unknown_when_its_last_token_has_expired(database: Database, clock: FakeClock) -> None:
    replica = Replica(database)
    both = Rings(store=replica.store, custodians=replica.custodians, policy=POLICY, algorithms=[RS256, ES256])
    one = Rings(store=replica.store, custodians=replica.custodians, policy=POLICY, algorithms=[RS256])
    await both.initialise()
    clock.advance(POLICY.timings.publish_ahead + 1)
    await both.tick()
    clock.advance(POLICY.timings.publish_ahead + 1)
    await replica.keyring.refresh()
    last = (await a_token(replica.keyring, ES256, clock.now())).encode()

    await one.tick()
    await replica.keyring.refresh()
    assert verify(last, keys_for(replica.keyring, ES256, RS256), policy_of(ES256), clock.now())
    clock.advance(POLICY.timings.retire_after + 1)
    await one.tick()
    await replica.keyring.refresh()

    with pytest.raises(UnknownKey):
        verify(last, keys_for(replica.keyring, ES256, RS256), policy_of(ES256), clock.now())
    replica.keyring.close()
