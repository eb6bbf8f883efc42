"""What every custodian of private keys must do, whoever it is."""

from __future__ import annotations

import logging
import pickle
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from auth_server.keys import jws
from auth_server.keys.custodians.contract import Signer
from auth_server.protocol.errors import KeyUnavailable
from shared.jose import ES256
from shared.jwk import PRIVATE_MEMBERS, thumbprint
from tests.support.custodians import MAKES, Home, stored
from tests.support.hsm import PIN
from tests.support.keys import is_signed_by


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
