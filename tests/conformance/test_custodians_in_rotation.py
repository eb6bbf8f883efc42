"""What every custodian of private keys does in the real rotation and keyring, and what its absence costs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from auth_server.keys.burning import Burning
from auth_server.keys.encryption import ResourceEncryption
from auth_server.keys.keyring import Keyring
from auth_server.keys.rotation import Rotation
from auth_server.protocol.authorization import StartFamily
from auth_server.protocol.errors import KeyUnavailable
from auth_server.protocol.refresh import RefreshPolicy
from auth_server.revocation.feed import Feed
from auth_server.store.freshness import Freshness
from auth_server.store.signing_keys import KeyState, NewKey, RingView, SigningKey
from auth_server.tokens.families import Families, MacKeys
from auth_server.tokens.issuer import TokenIssuer
from auth_server.tokens.standing import Standing
from shared.jose import ES256
from tests.support.builders import FACTS, an_authorization
from tests.support.clock import FakeClock
from tests.support.custodians import Home, stored
from tests.support.databases import Database
from tests.support.keys import ISSUER, KEK, POLICY, header_of, is_signed_by

LEASE, N, V = POLICY.timings.sign_lease, POLICY.timings.publish_ahead, POLICY.timings.retire_after


class Process:
    """An issuer's process whose new keys are made by one custodian: rotation, keyring and token issuer on one store."""

    def __init__(self, database: Database, home: Home, maker: str | None = None) -> None:
        self.clock = database.clock
        self.store = database.store()
        custodians = home.process()
        self.rotation = Rotation(
            store=self.store, custodians=custodians, policy=POLICY, ring="default", alg=ES256, custodian=maker or home.name
        )
        self.keyring = Keyring(store=self.store, clock=self.clock, custodians=custodians, policy=POLICY)

    async def start(self) -> Process:
        await self.rotation.initialise()
        await self.keyring.refresh()
        return self

    async def sign(self) -> str:
        return await self.keyring.sign({"sub": "alice"}, "at+jwt", ES256)

    def ring(self) -> RingView:
        view = self.store.read_blocking(lambda tx: tx.signing_keys.view("default"))
        assert view is not None
        return view

    def key(self, kid: str) -> SigningKey:
        found = self.store.read_blocking(lambda tx: tx.signing_keys.find(kid))
        assert found is not None
        return found

    def issuer(self) -> TokenIssuer:
        macs = MacKeys()
        macs.replace(0, {0: bytes(32)})
        policy = RefreshPolicy(quiet_window=30, retry_grace=120, idle_lifetime=3600, lifetime=7200)
        families = Families(mac_keys=macs, policy=policy, feed=Feed(POLICY.timings), session_idle_lifetime=3600)
        return TokenIssuer(
            store=self.store,
            signer=self.keyring,
            families=families,
            standing=Standing(self.store, Freshness(self.store)),
            encryption=ResourceEncryption(),
            issuer=ISSUER,
            lifetime=600,
        )


@pytest.fixture
def start(database: Database) -> Iterator[Callable[..., Process]]:
    made: list[Process] = []

    def make(home: Home, maker: str | None = None) -> Process:
        made.append(Process(database, home, maker))
        return made[-1]

    yield make
    for process in made:
        process.keyring.close()


async def test_a_key_lives_its_whole_life(home: Home, start: Callable[[Home], Process], clock: FakeClock) -> None:
    """The real rotation and keyring: made, published, promoted, signing, erased, destroyed where it was held, withdrawn."""
    process = await start(home).start()
    first, second = process.ring().active, process.ring().pending
    assert first is not None
    assert second is not None
    assert header_of(await process.sign())["kid"] == first.kid
    assert {key.custodian for key in process.ring().keys} == {home.name}

    clock.advance(max(N, POLICY.rotation_period) + 1)
    await process.start()
    token = await process.sign()
    clock.advance(LEASE + 1)
    await process.start()

    assert header_of(token)["kid"] == second.kid
    assert is_signed_by(token, second.public_jwk)
    erased = process.key(first.kid)
    assert (erased.state, erased.private_ref) == (KeyState.RETIRING, None)
    with pytest.raises(KeyUnavailable):
        home.custodian().load(erased if home.name == "local" else first)
    clock.advance(V + 1)
    await process.start()
    assert process.keyring.published().kids == {second.kid, process.ring().pending.kid}  # type: ignore[union-attr]


async def test_a_custodian_that_is_away_costs_signatures_and_nothing_else(
    home: Home, start: Callable[[Home], Process], clock: FakeClock, database: Database
) -> None:
    """The key set is the same bytes, so nobody rejects anything; nothing is spent, stored or rotated."""
    there = await start(home).start()
    before = there.ring()
    clock.advance(max(N, POLICY.rotation_period) + 1)  # a promotion and a standby are due

    gone = start(home.away())
    with pytest.raises(KeyUnavailable):
        await gone.start()
    await gone.keyring.refresh()
    await there.keyring.refresh()

    assert gone.keyring.jwks() == there.keyring.jwks()
    with pytest.raises(KeyUnavailable):
        await gone.sign()
    with pytest.raises(KeyUnavailable):
        await gone.issuer().issue(an_authorization(settlement=StartFamily(None)), FACTS)
    assert gone.keyring.fault(ES256)
    assert len(gone.keyring.warnings()) >= 2
    assert database.execute("SELECT count(*) FROM refresh_family")[0][0] == 0
    assert (gone.ring().epoch, gone.ring().keys) == (before.epoch, before.keys)


async def test_a_custodian_that_came_back_is_used_without_a_restart(home: Home, start: Callable[[Home], Process]) -> None:
    await start(home).start()
    process = start(home.away())
    await process.keyring.refresh()
    assert process.keyring.fault(ES256)

    process.keyring._custodians = home.process()
    await process.keyring.refresh()

    assert await process.sign()


@pytest.mark.parametrize("late_with", ["the first key", "the standby"])
async def test_of_two_processes_that_make_a_key_the_second_destroys_its_own(
    late_with: str, home: Home, start: Callable[[Home], Process], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No row will ever name it; an HSM would keep it for ever, and AWS would be paid for it."""
    first, second = start(home), start(home)
    custodian = second.rotation._custodians[home.name]
    generate, made = custodian.generate, list[NewKey]()

    def generate_too_late(ring: str, alg: str) -> NewKey:
        made.append(generate(ring, alg))
        quicker = home.custodian().generate(ring, alg)
        if late_with == "the first key" and len(made) == 1:
            first.store.run_blocking(lambda tx: tx.signing_keys.start_ring(quicker))
        elif late_with == "the standby" and len(made) == 2:
            first.store.run_blocking(lambda tx: tx.signing_keys.add_standby(quicker, epoch=first.ring().epoch))
        return made[-1]

    monkeypatch.setattr(custodian, "generate", generate_too_late)
    await second.start()

    too_late = made[0 if late_with == "the first key" else 1]
    assert too_late.kid not in {key.kid for key in second.ring().keys}
    assert len(second.ring().keys) == 2
    if home.name != "local":
        with pytest.raises(KeyUnavailable):
            home.custodian().load(stored(too_late))


async def test_a_key_that_was_not_destroyed_is_destroyed_with_the_next_tick(
    home: Home, start: Callable[[Home], Process], clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = await start(home).start()
    old = process.ring().active
    assert old is not None
    await process.rotation.rotate_now(emergency=True)
    clock.advance(LEASE + 1)
    custodian = process.rotation._custodians[home.name]
    destroy, asked = custodian.destroy, []

    def refuse_once(key: SigningKey | NewKey) -> None:
        asked.append(key.kid)
        if len(asked) == 1:
            raise KeyUnavailable("away for a moment")
        destroy(key)

    monkeypatch.setattr(custodian, "destroy", refuse_once)
    with pytest.raises(KeyUnavailable, match="away"):
        await process.rotation.tick()
    assert process.key(old.kid).private_ref is None
    for _ in range(2):
        await process.rotation.tick()

    assert asked == [old.kid, old.kid]


@pytest.mark.parametrize("name", ["pkcs11", "aws_kms"])
async def test_a_custodian_that_is_lost_for_good_is_left_behind(
    name: str, home_of: Callable[[str], Home], start: Callable[..., Process]
) -> None:
    """The standby it kept is burned, another custodian makes one, and that is promoted in an emergency."""
    kept = await start(home_of(name)).start()
    standby = kept.ring().pending
    assert standby is not None
    lost = replace(home_of(name).away(), keks=(KEK,))
    process = start(lost, maker="local")
    burning = Burning(store=process.store, custodians=lost.process(), policy=POLICY, custodian="local")

    burned = await burning.burn(standby.kid, reason="the HSM burned down")
    await process.rotation.rotate_now(emergency=True)
    await process.keyring.refresh()

    assert burned.kept_by_custodian is not None
    active = process.ring().active
    assert active is not None
    assert active.custodian == "local"
    assert header_of(await process.sign())["kid"] == active.kid == burned.standby_kid
