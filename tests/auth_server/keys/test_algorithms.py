"""Which key signs when there are several rings: the one that is asked for, or none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import pytest

from auth_server.keys.keyring import Keyring
from auth_server.keys.rings import Rings
from auth_server.protocol.errors import KeyUnavailable
from shared.jose import ED25519, ES256, PS256
from tests.support.clock import FakeClock
from tests.support.databases import Database
from tests.support.keys import POLICY, Replica, header_of

N = POLICY.timings.publish_ahead


@dataclass
class Issuer:
    """Makes processes on one database, each configured for algorithms of its own."""

    database: Database
    keyrings: list[Keyring] = field(default_factory=list)

    async def process(self, *algorithms: str) -> Keyring:
        """Start a process: make its rings, and read them all."""
        await self.rings(algorithms).tick()
        return await self.keyring(*algorithms)

    async def keyring(self, *algorithms: str) -> Keyring:
        """Start a process that makes no rings."""
        replica = Replica(self.database)
        replica.keyring.close()
        keyring = Keyring(
            store=replica.store, clock=replica.clock, custodians=replica.custodians, policy=POLICY, algorithms=algorithms
        )
        self.keyrings.append(keyring)
        await keyring.refresh()
        return keyring

    def rings(self, algorithms: Sequence[str]) -> Rings:
        """Return the rings of such a process."""
        replica = Replica(self.database)
        replica.keyring.close()
        return Rings(store=replica.store, custodians=replica.custodians, policy=POLICY, algorithms=algorithms)


@pytest.fixture
def issuer(database: Database) -> Iterator[Issuer]:
    made = Issuer(database)
    yield made
    for keyring in made.keyrings:
        keyring.close()


async def alg_of(keyring: Keyring, alg: str | None = None) -> str:
    signed: str = header_of(await keyring.sign({}, "at+jwt", alg))["alg"]
    return signed


async def test_what_is_asked_for_signs_and_the_first_where_nothing_is(issuer: Issuer, clock: FakeClock) -> None:
    await issuer.process(ED25519, ES256)
    clock.advance(N + 1)
    keyring = await issuer.process(ED25519, ES256)

    assert [await alg_of(keyring, alg) for alg in (None, ED25519, ES256)] == [ED25519, ED25519, ES256]


async def test_a_ring_that_is_not_ready_refuses_and_says_from_when_on_it_is(issuer: Issuer, clock: FakeClock) -> None:
    """A resource that asks for ES256 has servers that refuse everything else: another algorithm would be a token for nobody."""
    keyring = await issuer.process(ED25519, ES256)

    with pytest.raises(KeyUnavailable):
        await keyring.sign({}, "at+jwt", ES256)
    assert "from 2027-01-16T08:00:00+00:00 on" in str(keyring.fault(ES256))
    assert keyring.fault() is None


async def test_the_first_key_of_a_further_ring_is_published_before_it_signs(issuer: Issuer, clock: FakeClock) -> None:
    """K4."""
    early = (await issuer.process(ED25519, ES256)).published().kids
    clock.advance(N + 1)
    keyring = await issuer.process(ED25519, ES256)

    assert header_of(await keyring.sign({}, "at+jwt", ES256))["kid"] in early


async def test_a_new_default_takes_over_when_it_may_sign(issuer: Issuer, clock: FakeClock) -> None:
    await issuer.process(ED25519)
    before = await issuer.process(ES256, ED25519)
    assert (await alg_of(before), before.fault()) == (ED25519, None)

    clock.advance(N + 1)
    after = await issuer.process(ES256, ED25519)

    assert await alg_of(after) == ES256


async def test_a_default_that_was_exchanged_in_one_step_is_not_ready(issuer: Issuer, clock: FakeClock) -> None:
    """Readiness stops the deployment at its first replica, and the others go on."""
    old = await issuer.process(ED25519)
    new = await issuer.process(ES256)

    assert "from 2027-01-16" in str(new.fault())
    assert await alg_of(old) == ED25519
    clock.advance(N + 1)
    assert await alg_of(await issuer.process(ES256)) == ES256


async def test_a_default_whose_key_does_not_open_is_not_replaced_by_another(
    issuer: Issuer, database: Database, clock: FakeClock
) -> None:
    """Resource servers that never heard of the second algorithm would refuse its tokens."""
    await issuer.process(ED25519, ES256)
    clock.advance(N + 1)
    await issuer.process(ED25519, ES256)
    database.execute("UPDATE signing_key SET kek_id = 'lost' WHERE state = 'active' AND alg = :alg", alg=ED25519)
    keyring = await issuer.keyring(ED25519, ES256)

    with pytest.raises(KeyUnavailable):
        await keyring.sign({}, "at+jwt")
    assert await alg_of(keyring, ES256) == ES256


async def test_an_algorithm_that_is_not_configured_is_published_and_not_signed_with(issuer: Issuer, clock: FakeClock) -> None:
    both = await issuer.process(ED25519, ES256)
    clock.advance(N + 1)
    both = await issuer.process(ED25519, ES256)
    one = await issuer.process(ED25519)

    assert one.jwks() == both.jwks()
    assert await alg_of(both, ES256) == ES256
    with pytest.raises(KeyUnavailable):
        await one.sign({}, "at+jwt", ES256)
    assert one.fault(ES256) == "this server is not configured to sign with ES256"
    assert len(one._signers) == 2


async def test_an_algorithm_that_does_not_exist_is_refused(issuer: Issuer) -> None:
    keyring = await issuer.process(ED25519, ES256)

    for alg in ("HS256", "none", PS256):
        with pytest.raises(KeyUnavailable):
            await keyring.sign({}, "at+jwt", alg)
