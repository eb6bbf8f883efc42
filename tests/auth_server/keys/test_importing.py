"""Keys from elsewhere: a former issuer's tokens go on being verified, and a private key waits its turn."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from jwt.algorithms import OKPAlgorithm

from auth_server.keys.importing import ImportRefused
from auth_server.keys.key_documents import ForeignKey, read_keys
from auth_server.protocol.errors import KeyUnavailable
from auth_server.store.signing_keys import KeyState
from shared.jose import ED25519, RS256
from tests.support.clock import FakeClock
from tests.support.databases import Database
from tests.support.foreign_keys import KEYS, document, private_pem, public_pem
from tests.support.keys import OTHER_KEK, POLICY, Replica, header_of

N = POLICY.timings.publish_ahead


def a_former_key(kid: str | None = None, alg: str = ED25519) -> ForeignKey:
    (key,) = read_keys(public_pem(ed25519.Ed25519PrivateKey.generate() if alg == ED25519 else KEYS[alg]))
    return ForeignKey(kid or key.kid, key.alg, key.public_jwk)


async def test_a_former_issuers_key_is_published_until_its_time(any_replica: Replica, clock: FakeClock) -> None:
    await any_replica.start()
    former, epoch = a_former_key("2019-signing", RS256), any_replica.ring().epoch

    imported = await any_replica.importing.import_public([former], note="the old server", not_after_ms=clock.ms + 60_000)
    await any_replica.keyring.refresh()

    assert imported.kids == ("2019-signing",)
    key = any_replica.every()["2019-signing"]
    assert (key.state, key.private_ref, key.reason) == (KeyState.IMPORTED_VERIFY_ONLY, None, "the old server")
    published = any_replica.published()["2019-signing"]
    assert (published["n"], published["alg"], published["use"]) == (former.public_jwk["n"], RS256, "sig")
    assert any_replica.ring().epoch > epoch
    assert await any_replica.sign()  # and nothing else changed

    clock.advance(60.001)
    await any_replica.rotation.tick()
    await any_replica.keyring.refresh()
    assert "2019-signing" not in any_replica.published()
    assert any_replica.every()["2019-signing"].state is KeyState.RETIRED


async def test_several_keys_come_in_together_or_not_at_all(any_replica: Replica, clock: FakeClock) -> None:
    await any_replica.start()
    one, other = a_former_key("one"), a_former_key("other")
    await any_replica.importing.import_public([one, other], note="old", not_after_ms=clock.ms + 1)
    before = any_replica.ring()

    third = a_former_key("third")
    with pytest.raises(ImportRefused):
        await any_replica.importing.import_public([third, a_former_key("third")], note="old", not_after_ms=clock.ms + 1)

    assert {"one", "other"} <= any_replica.every().keys()
    assert any_replica.ring() == before


async def test_a_burned_key_never_comes_in_under_no_name(any_replica: Replica, clock: FakeClock) -> None:
    await any_replica.start()
    former = a_former_key("its old name")
    await any_replica.importing.import_public([former], note="old", not_after_ms=clock.ms + 60_000)
    await any_replica.burning.burn("its old name", reason="it leaked")

    for kid in ("its old name", "another name", former.thumbprint):
        with pytest.raises(ImportRefused):
            await any_replica.importing.import_public(
                [ForeignKey(kid, former.alg, former.public_jwk)], note="again", not_after_ms=clock.ms + 60_000
            )


async def test_our_own_keys_do_not_come_in_again(any_replica: Replica, clock: FakeClock) -> None:
    await any_replica.start()
    own = any_replica.active().public_jwk

    with pytest.raises(ImportRefused):
        await any_replica.importing.import_public([ForeignKey("x", ED25519, own)], note="", not_after_ms=clock.ms + 1)


async def test_a_private_half_is_not_taken_for_a_public_one(any_replica: Replica, clock: FakeClock) -> None:
    await any_replica.start()

    with pytest.raises(ImportRefused):
        await any_replica.importing.import_public(read_keys(private_pem(KEYS[ED25519])), note="", not_after_ms=clock.ms + 1)
    with pytest.raises(ImportRefused):
        await any_replica.importing.import_private(a_former_key())


async def test_a_time_that_is_past_is_refused(any_replica: Replica, clock: FakeClock) -> None:
    await any_replica.start()

    with pytest.raises(ImportRefused):
        await any_replica.importing.import_public([a_former_key()], note="", not_after_ms=clock.ms)


async def test_a_private_key_waits_its_turn_like_any_standby(any_replica: Replica, clock: FakeClock) -> None:
    await any_replica.start()
    old_standby = any_replica.pending().kid
    clock.advance(N + 1)
    (key,) = read_keys(private_pem(KEYS[ED25519]))

    imported = await any_replica.importing.import_private(key, note="from the old server")

    standby = any_replica.pending()
    assert (standby.kid, imported.replaced) == (key.thumbprint, old_standby)
    assert standby.published_at == clock.ms
    assert any_replica.every()[old_standby].state is KeyState.RETIRED
    assert any_replica.every()[old_standby].private_ref is None
    clock.advance(N + 1)
    await any_replica.rotation.rotate_now()
    await any_replica.keyring.refresh()
    assert header_of(await any_replica.sign())["kid"] == key.thumbprint


async def test_a_private_key_whose_halves_differ_is_refused(any_replica: Replica) -> None:
    await any_replica.start()
    before = any_replica.ring()
    mixed = OKPAlgorithm.to_jwk(KEYS[ED25519], as_dict=True) | {
        "x": OKPAlgorithm.to_jwk(ed25519.Ed25519PrivateKey.generate().public_key(), as_dict=True)["x"]
    }
    (key,) = read_keys(document(mixed))

    with pytest.raises(ImportRefused):
        await any_replica.importing.import_private(key)
    assert any_replica.ring() == before


async def test_a_private_key_for_no_ring_here_is_refused(any_replica: Replica) -> None:
    await any_replica.start()

    with pytest.raises(ImportRefused):
        await any_replica.importing.import_private(read_keys(private_pem(KEYS[RS256]))[0])


async def test_whoever_has_the_wrong_key_encryption_keys_imports_no_private_key(
    any_database: Database, any_replica: Replica
) -> None:
    await any_replica.start()
    stranger = Replica(any_database, keks=(OTHER_KEK,))

    with pytest.raises(KeyUnavailable):
        await stranger.importing.import_private(read_keys(private_pem(KEYS[ED25519]))[0])
    stranger.keyring.close()
