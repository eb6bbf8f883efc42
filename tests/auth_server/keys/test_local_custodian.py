"""Keys made, sealed, opened and checked by the server itself."""

from __future__ import annotations

from dataclasses import replace

import pytest

from auth_server.keys import jws
from auth_server.keys.custodians.local import LocalCustodian
from auth_server.keys.sealing import KeyEncryptionKeys, SealBroken
from auth_server.protocol.errors import KeyUnavailable
from auth_server.store.signing_keys import KeyState, NewKey, SigningKey
from shared.jose import ALGORITHMS, ED25519, RS256
from shared.jwk import PRIVATE_MEMBERS, thumbprint
from tests.support.keys import ISSUER, KEK, is_signed_by


def a_custodian(issuer: str = ISSUER) -> LocalCustodian:
    return LocalCustodian(issuer=issuer, key_encryption_keys=KeyEncryptionKeys([KEK]))


def stored(key: NewKey, **changes: object) -> SigningKey:
    made = SigningKey(
        kid=key.kid,
        ring=key.ring,
        state=KeyState.ACTIVE,
        alg=key.alg,
        public_jwk=key.public_jwk,
        custodian=key.custodian,
        private_ref=key.private_ref,
        kek_id=key.kek_id,
        created_at=0,
        published_at=0,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("alg", sorted(ALGORITHMS))
def test_what_a_new_key_signs_verifies_under_its_public_half(alg: str) -> None:
    custodian = a_custodian()
    key = custodian.generate("default", alg)

    signed = jws.signing_input(jws.header_segment(alg=alg, typ="at+jwt", kid=key.kid), {"sub": "alice"})
    token = jws.compact(signed, custodian.load(stored(key)).sign(signed))

    assert is_signed_by(token, key.public_jwk)


@pytest.mark.parametrize("alg", sorted(ALGORITHMS))
def test_the_public_half_is_complete_and_only_that(alg: str) -> None:
    key = a_custodian().generate("default", alg)

    assert key.kid == thumbprint(key.public_jwk) == key.public_jwk["kid"]
    assert (key.public_jwk["use"], key.public_jwk["alg"]) == ("sig", alg)
    assert not PRIVATE_MEMBERS & key.public_jwk.keys()


def test_rsa_keys_have_2048_bits_and_the_usual_exponent() -> None:
    key = a_custodian().generate("default", RS256)

    assert (len(key.public_jwk["n"]), key.public_jwk["e"]) == (342, "AQAB")


@pytest.mark.parametrize("alg", ["HS256", "none", "EdDSA"])
def test_no_key_is_made_for_an_algorithm_that_is_not_ours(alg: str) -> None:
    with pytest.raises(KeyUnavailable):
        a_custodian().generate("default", alg)


def test_another_issuer_cannot_open_the_key() -> None:
    key = stored(a_custodian().generate("default", ED25519))

    with pytest.raises(SealBroken):
        a_custodian("https://other.example").load(key)


def test_a_private_half_behind_a_foreign_public_half_does_not_sign() -> None:
    """A row whose public half was exchanged would sign tokens that nobody accepts."""
    custodian = a_custodian()
    key, other = custodian.generate("default", ED25519), custodian.generate("default", ED25519)

    with pytest.raises(KeyUnavailable):
        custodian.load(stored(key, public_jwk=other.public_jwk))


def test_an_erased_key_does_not_open() -> None:
    key = stored(a_custodian().generate("default", ED25519), private_ref=None, kek_id=None)

    with pytest.raises(KeyUnavailable):
        a_custodian().load(key)


def test_no_text_form_shows_a_private_key() -> None:
    custodian = a_custodian()
    key = custodian.generate("default", ED25519)

    shown = f"{key!r} {stored(key)!r} {custodian.load(stored(key))!r} {vars(custodian)!r}"

    assert "private_ref" not in shown
    assert "PrivateKey" not in shown


def test_no_kid_looks_like_an_option_of_a_command() -> None:
    """One thumbprint in 64 begins with a dash; of 300, all but never none would."""
    assert not any(a_custodian().generate("default", ED25519).kid.startswith("-") for _ in range(300))
