"""Keys as others write them down: what is read, and what is refused."""

from __future__ import annotations

import json

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from auth_server.keys.key_documents import KeyDocumentRefused, read_keys
from shared import base64url
from shared.jose import ED25519, ES256, PS256, RS256
from tests.support.foreign_keys import KEYS, a_jwk, document, private_pem, public_pem


@pytest.mark.parametrize("alg", KEYS)
def test_a_key_is_the_same_in_every_spelling(alg: str) -> None:
    (from_pem,) = read_keys(public_pem(KEYS[alg]))
    (from_private_pem,) = read_keys(private_pem(KEYS[alg]))
    (from_jwk,) = read_keys(document(a_jwk(alg)))
    (from_set,) = read_keys(json.dumps({"keys": [a_jwk(alg)]}).encode())

    assert from_pem == from_jwk == from_set
    assert from_pem.public_jwk == from_private_pem.public_jwk
    assert (from_pem.alg, from_pem.kid, from_pem.private_members) == (alg, from_pem.thumbprint, None)
    assert from_private_pem.private_members is not None
    assert "d" in from_private_pem.private_members


def test_the_kid_and_the_algorithm_are_the_documents_own() -> None:
    (key,) = read_keys(document(a_jwk(RS256, kid="2019-signing", alg=PS256)))

    assert (key.kid, key.alg, key.rsa_bits) == ("2019-signing", PS256, 2048)
    assert key.thumbprint != key.kid


def test_the_former_name_of_an_algorithm_is_known() -> None:
    """RFC 9864 calls `Ed25519` what RFC 8037 called `EdDSA`."""
    assert read_keys(document(a_jwk(ED25519) | {"alg": "EdDSA"}))[0].alg == ED25519


def test_nothing_private_is_shown() -> None:
    (key,) = read_keys(private_pem(KEYS[ED25519]))

    assert key.private_members is not None
    assert key.private_members["d"] not in repr(key)


def _number(value: int) -> str:
    return base64url.encode(value.to_bytes((value.bit_length() + 7) // 8, "big"))


@pytest.mark.parametrize(
    "refused",
    [
        b"",
        b"neither",
        b"[]",
        b'{"keys": []}',
        b'{"keys": [1]}',
        b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----",
        document(a_jwk(ED25519, use="enc")),
        document(a_jwk(ED25519, alg="HS256")),
        document(a_jwk(ED25519, alg=RS256)),
        document({"kty": "oct", "k": "AAAA"}),
        document(a_jwk(ED25519, kid="")),
        document(a_jwk(ED25519, kid="a\nb")),
        document(a_jwk(ED25519, kid=7)),
        document(a_jwk(ED25519, x=None)),
        document(a_jwk(ED25519, x=7)),
        document(a_jwk(ES256, x=a_jwk(ES256)["y"])),  # no point of the curve
        document(a_jwk(RS256, e=_number(3))),
        document(a_jwk(RS256, n=_number(2**2047))),
        document(a_jwk(RS256, key=rsa.generate_private_key(public_exponent=65537, key_size=1024))),
        document(*[a_jwk(ED25519, kid=str(number)) for number in range(21)]),
    ],
    ids=lambda _: "",  # keys are drawn at random, and names of tests must be the same in every process
)
def test_what_is_no_usable_key_is_refused(refused: bytes) -> None:
    with pytest.raises(KeyDocumentRefused):
        read_keys(refused)


def test_a_pem_under_a_pass_phrase_is_refused() -> None:
    sealed = KEYS[ED25519].private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"phrase")
    )

    with pytest.raises(KeyDocumentRefused):
        read_keys(sealed)
