"""What every custodian of private keys must do, whoever it is."""

from __future__ import annotations

import logging
import pickle
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from auth_server.keys import jws
from auth_server.keys.custodians.contract import Signer
from auth_server.keys.keyring import Keyring
from auth_server.keys.rotation import Rotation
from auth_server.protocol.authorization import StartFamily
from auth_server.protocol.errors import KeyUnavailable
from auth_server.protocol.refresh import RefreshPolicy
from auth_server.revocation.feed import Feed
from auth_server.store.signing_keys import KeyState, RingView, SigningKey
from auth_server.tokens.families import Families, MacKeys
from auth_server.tokens.issuer import TokenIssuer
from shared.jose import ES256
from shared.jwk import PRIVATE_MEMBERS, thumbprint
from tests.support.builders import FACTS, an_authorization
from tests.support.clock import FakeClock
from tests.support.custodians import CUSTODIANS, MAKES, Home, stored
from tests.support.databases import Database
from tests.support.hsm import PIN
from tests.support.keys import ISSUER, POLICY, header_of, is_signed_by

LEASE, N, V = POLICY.timings.sign_lease, POLICY.timings.publish_ahead, POLICY.timings.retire_after


@pytest.fixture
def home_of(request: pytest.FixtureRequest) -> Callable[[str], Home]:
    def find(name: str) -> Home:
        # Only what is asked for is started: the others may not be installed.
        access = {"pkcs11": "hsm", "aws_kms": "kms"}.get(name)
        return Home(name, **({name: request.getfixturevalue(access)} if access else {}))

    return find


@pytest.fixture(params=CUSTODIANS)
def home(request: pytest.FixtureRequest, home_of: Callable[[str], Home]) -> Home:
    return home_of(request.param)


def a_token(signer: Signer, key: Any, **claims: object) -> str:
    signed = jws.signing_input(jws.header_segment(alg=key.alg, typ="at+jwt", kid=key.kid), {"sub": "alice", **claims})
    return jws.compact(signed, signer.sign(signed))


@pytest.mark.parametrize("name, alg", MAKES)
def test_a_new_key_signs_what_its_public_half_verifies(name: str, alg: str, home_of: Callable[[str], Home]) -> None:
    custodian = home_of(name).custodian()
    key = custodian.generate("default", alg)

    token = a_token(custodian.load(stored(key)), key)

    assert is_signed_by(token, key.public_jwk)
    assert not is_signed_by(token, custodian.generate("default", alg).public_jwk)


@pytest.mark.parametrize("name, alg", MAKES)
def test_a_new_key_is_named_by_its_thumbprint_and_shows_its_public_half_alone(
    name: str, alg: str, home_of: Callable[[str], Home]
) -> None:
    key = home_of(name).custodian().generate("default", alg)

    assert key.kid == thumbprint(key.public_jwk) == key.public_jwk["kid"]
    assert (key.public_jwk["use"], key.public_jwk["alg"]) == ("sig", alg)
    assert (key.ring, key.alg, key.custodian) == ("default", alg, name)
    assert not PRIVATE_MEMBERS & key.public_jwk.keys()


@pytest.mark.parametrize("alg", ["HS256", "none", "EdDSA", "RS512"])
def test_no_key_is_made_for_an_algorithm_that_is_not_ours(home: Home, alg: str) -> None:
    with pytest.raises(KeyUnavailable):
        home.custodian().generate("default", alg)


def test_another_process_signs_with_the_same_key(home: Home) -> None:
    key = home.custodian().generate("default", ES256)

    signer = home.custodian().load(stored(key))

    assert is_signed_by(a_token(signer, key), key.public_jwk)


def test_the_reference_of_another_key_is_refused(home: Home) -> None:
    """Whoever may write to the table cannot let one kid sign with the key of another."""
    custodian = home.custodian()
    key, other = custodian.generate("default", ES256), custodian.generate("default", ES256)

    with pytest.raises(KeyUnavailable):
        custodian.load(stored(key, private_ref=other.private_ref, kek_id=other.kek_id))


def test_a_foreign_public_half_is_refused(home: Home) -> None:
    custodian = home.custodian()
    key, other = custodian.generate("default", ES256), custodian.generate("default", ES256)

    with pytest.raises(KeyUnavailable):
        custodian.load(stored(key, public_jwk=other.public_jwk))


def test_an_erased_key_does_not_open(home: Home) -> None:
    custodian = home.custodian()

    with pytest.raises(KeyUnavailable):
        custodian.load(stored(custodian.generate("default", ES256), private_ref=None, kek_id=None))


def test_a_destroyed_key_signs_nothing_and_may_be_destroyed_again(home: Home) -> None:
    """What the custodian holds is gone at once; where it holds nothing, the row that was erased is all there was."""
    custodian = home.custodian()
    made, kept = custodian.generate("default", ES256), custodian.generate("default", ES256)
    key = stored(made)
    opened = custodian.load(key)

    for _ in range(2):
        custodian.destroy(key)
    custodian.destroy(custodian.generate("default", ES256))  # one that was never stored

    if not opened.is_local:
        with pytest.raises(KeyUnavailable):
            opened.sign(b"header.payload")
    with pytest.raises(KeyUnavailable):
        home.custodian().load(replace(key, private_ref=None, kek_id=None) if opened.is_local else key)
    assert is_signed_by(a_token(custodian.load(stored(kept)), kept), kept.public_jwk)


def test_no_form_of_anything_shows_a_private_key_or_what_opens_it(home: Home, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    custodian = home.custodian()
    key = custodian.generate("default", ES256)
    signer = custodian.load(stored(key))
    a_token(signer, key)
    with pytest.raises(KeyUnavailable) as refused:
        home.away().custodian().load(stored(key))

    shown = f"{custodian!r} {custodian} {vars(custodian)!r} {signer!r} {signer} {key!r} {stored(key)!r} {refused.value!r}"

    for text in (shown, caplog.text):
        assert "private_ref" not in text
        assert "PrivateKey" not in text
        assert PIN not in text
    for secretive in (custodian, signer):
        with pytest.raises((TypeError, AttributeError, pickle.PicklingError)):
            pickle.dumps(secretive)


def test_eight_threads_sign_at_once(home: Home) -> None:
    custodian = home.custodian()
    key = custodian.generate("default", ES256)
    signer = custodian.load(stored(key))

    with ThreadPoolExecutor(8) as threads:
        tokens = list(threads.map(lambda number: a_token(signer, key, number=number), range(80)))

    assert len(set(tokens)) == 80
    assert all(is_signed_by(token, key.public_jwk) for token in tokens)


class Process:
    """An issuer's process whose new keys are made by one custodian: rotation, keyring and token issuer on one store."""

    def __init__(self, database: Database, home: Home) -> None:
        self.clock = database.clock
        self.store = database.store()
        custodians = home.process()
        self.rotation = Rotation(
            store=self.store, custodians=custodians, policy=POLICY, ring="default", alg=ES256, custodian=home.name
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
        return TokenIssuer(store=self.store, signer=self.keyring, families=families, issuer=ISSUER, lifetime=600)


@pytest.fixture
def start(database: Database) -> Iterator[Callable[[Home], Process]]:
    made: list[Process] = []

    def make(home: Home) -> Process:
        made.append(Process(database, home))
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
