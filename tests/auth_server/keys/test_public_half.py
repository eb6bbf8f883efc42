"""Is a signature by a published key? For every algorithm there is."""

from __future__ import annotations

from functools import cache

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from hypothesis import given
from hypothesis import strategies as st

from auth_server.keys.custodians.contract import Signer
from auth_server.keys.custodians.local import LocalCustodian
from auth_server.keys.public_half import is_signed_by, public_jwk_of
from auth_server.keys.sealing import KeyEncryptionKeys
from auth_server.store.signing_keys import KeyState, NewKey, SigningKey
from shared.jose import ALGORITHMS, RS256
from tests.support.keys import ISSUER, KEK

EVERY = pytest.mark.parametrize("alg", sorted(ALGORITHMS))


@cache
def a_pair(alg: str) -> tuple[NewKey, Signer]:
    custodian = LocalCustodian(issuer=ISSUER, key_encryption_keys=KeyEncryptionKeys([KEK]))
    made = custodian.generate(alg, alg)
    members = {name: getattr(made, name) for name in ("kid", "ring", "alg", "public_jwk", "custodian", "private_ref", "kek_id")}
    return made, custodian.load(SigningKey(**members, state=KeyState.ACTIVE, created_at=0, published_at=0))


@EVERY
@given(message=st.binary(max_size=200))
def test_a_genuine_signature_is_recognised(alg: str, message: bytes) -> None:
    key, signer = a_pair(alg)

    assert is_signed_by(key.public_jwk, message, signer.sign(message))


@EVERY
@given(place=st.integers(0, 255), change=st.integers(1, 255))
def test_any_changed_byte_of_a_signature_is_noticed(alg: str, place: int, change: int) -> None:
    key, signer = a_pair(alg)
    signature = bytearray(signer.sign(b"message"))
    signature[place % len(signature)] ^= change

    assert not is_signed_by(key.public_jwk, b"message", bytes(signature))


@EVERY
@given(signature=st.binary(max_size=300))
def test_no_other_bytes_are_a_signature(alg: str, signature: bytes) -> None:
    assert not is_signed_by(a_pair(alg)[0].public_jwk, b"message", signature)


@EVERY
def test_a_key_that_is_none_for_its_algorithm_is_an_error(alg: str) -> None:
    with pytest.raises(ValueError):
        is_signed_by({"kty": "oct", "k": "AAAA", "alg": alg}, b"message", b"")


def test_a_signature_over_another_digest_is_none() -> None:
    """RFC 8017 section 8.2.2: another hash, or a spare byte in the padding, is refused."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    assert not is_signed_by(
        public_jwk_of(RS256, private.public_key()), b"message", private.sign(b"message", padding.PKCS1v15(), hashes.SHA512())
    )
