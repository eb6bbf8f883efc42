"""Which keys of a document are loaded, and which are left out."""

from __future__ import annotations

import json
import secrets

import pytest

from resource_server.verifier.compact import Header
from resource_server.verifier.errors import AlgorithmNotAllowed, RevokedKey, UnknownKey
from resource_server.verifier.key_set import parse_key_set, read_key_set
from resource_server.verifier.profile import RFC9068
from resource_server.verifier.signature import MAX_MODULUS_BITS, load_key
from tests.resource_server.support import RS256_ONLY, a_key_set, ec_jwk, ed_jwk, jwks, number, rsa_jwk, rsa_key

GOOD = rsa_jwk("good", rsa_key())
EVERY = frozenset({"RS256", "PS256", "ES256", "Ed25519"})


def bad_keys() -> dict[str, object]:
    modulus = rsa_key("two").public_key().public_numbers().n
    private = rsa_key("two").private_numbers()
    return {
        "no object": 1,
        "null": None,
        "a string": "key",
        "empty": {},
        "symmetric": {"kty": "oct", "kid": "bad", "k": "c2VjcmV0", "alg": "HS256"},
        "symmetric under RS256": {"kty": "oct", "kid": "bad", "k": "c2VjcmV0", "alg": "RS256"},
        "for encryption": rsa_jwk("bad", rsa_key("two"), use="enc"),
        "key_ops of encryption": rsa_jwk("bad", rsa_key("two"), key_ops=["encrypt"]),
        "key_ops of no list": rsa_jwk("bad", rsa_key("two"), key_ops="verify"),
        "another algorithm": rsa_jwk("bad", rsa_key("two"), alg="RS512"),
        "HS256": rsa_jwk("bad", rsa_key("two"), alg="HS256"),
        "none": rsa_jwk("bad", rsa_key("two"), alg="none"),
        "algorithm of no string": rsa_jwk("bad", rsa_key("two"), alg=["RS256"]),
        "1024 bits": rsa_jwk("bad", rsa_key("weak", 1024)),
        "too large": rsa_jwk("bad", rsa_key("two"), n=number((1 << MAX_MODULUS_BITS) + 1)),
        "exponent 3": rsa_jwk("bad", rsa_key("two"), e=number(3)),
        "exponent 1": rsa_jwk("bad", rsa_key("two"), e=number(1)),
        "even modulus": rsa_jwk("bad", rsa_key("two"), n=number(modulus - 1)),
        "padded number": rsa_jwk("bad", rsa_key("two"), n=number(modulus) + "=="),
        "number of no string": rsa_jwk("bad", rsa_key("two"), n=modulus % 1000),
        "number missing": {k: v for k, v in rsa_jwk("bad", rsa_key("two")).items() if k != "n"},
        "not ASCII": rsa_jwk("bad", rsa_key("two"), n="é"),
        "private exponent": rsa_jwk("bad", rsa_key("two"), d=number(private.d)),
        "private prime": rsa_jwk("bad", rsa_key("two"), p=number(private.p)),
        "no kid": {k: v for k, v in rsa_jwk("bad", rsa_key("two")).items() if k != "kid"},
        "empty kid": rsa_jwk("", rsa_key("two")),
        "kid of no string": {**rsa_jwk("bad", rsa_key("two")), "kid": 7},
        "giant kid": rsa_jwk("k" * 257, rsa_key("two")),
        "elliptic under RS256": ec_jwk("bad", alg="RS256"),
        "unknown type": {"kty": "AKP", "kid": "bad", "alg": "RS256"},
        "nested keys": {"keys": [rsa_jwk("bad", rsa_key("two"))]},
    }


@pytest.mark.parametrize("case", bad_keys())
def test_a_bad_key_is_skipped_with_a_reason_and_the_good_one_stays(case: str) -> None:
    key_set = parse_key_set(jwks(bad_keys()[case], GOOD), RS256_ONLY)

    assert set(key_set.keys) == {"good"}
    assert len(key_set.skipped) == 1
    assert key_set.skipped[0][1]


@pytest.mark.parametrize("case", bad_keys())
def test_a_document_of_nothing_but_a_bad_key_is_no_key_set(case: str) -> None:
    with pytest.raises(ValueError, match="no usable key"):
        parse_key_set(jwks(bad_keys()[case]), RS256_ONLY)


def test_a_point_off_the_curve_is_skipped() -> None:
    off = ec_jwk("bad", x=number(1).rjust(43, "A"))

    assert set(a_key_set(off, GOOD, algorithms=EVERY).keys) == {"good"}


def test_a_key_with_the_roca_fingerprint_is_refused() -> None:
    """CVE-2017-15361: both primes are powers of 65537 modulo a product of small primes."""
    modulus = _roca_like_modulus()

    with pytest.raises(ValueError, match="ROCA"):
        load_key(rsa_jwk("bad", n=number(modulus)), "bad", "RS256")


def test_ordinary_keys_do_not_have_the_fingerprint() -> None:
    for name in ("one", "two"):
        assert load_key(rsa_jwk(name), name, "RS256")


def _roca_like_modulus() -> int:
    product = 1
    for prime in [p for p in range(2, 702) if all(p % q for q in range(2, int(p**0.5) + 1))]:
        product *= prime
    least, most = (1 << 2047) // product + 1, (1 << 2048) // product - 1  # between these, it has 2048 bits
    base = (least + secrets.randbelow(most - least)) * product
    return (base + pow(65537, secrets.randbelow(1 << 40), product)) | 1 if base % 2 else base + pow(65537, 12345, product)


def test_every_algorithm_has_its_kind_of_key() -> None:
    key_set = a_key_set(GOOD, rsa_jwk("ps", rsa_key("two"), alg="PS256"), ec_jwk(), ed_jwk(), algorithms=EVERY)

    assert {kid: key.algorithm for kid, key in key_set.keys.items()} == {
        "good": "RS256",
        "ps": "PS256",
        "ec": "ES256",
        "ed": "Ed25519",
    }


def test_a_key_without_alg_is_taken_only_where_one_allowed_algorithm_fits() -> None:
    anonymous = {k: v for k, v in GOOD.items() if k != "alg"}

    assert a_key_set(anonymous).keys["good"].algorithm == "RS256"
    with pytest.raises(ValueError, match="no single allowed algorithm"):
        a_key_set(anonymous, algorithms=frozenset({"RS256", "PS256"}))


def test_two_different_keys_under_one_kid_are_both_left_out() -> None:
    key_set = a_key_set(rsa_jwk("same", rsa_key("one")), GOOD, rsa_jwk("same", rsa_key("two")), rsa_jwk("same", rsa_key("one")))

    assert set(key_set.keys) == {"good"}


def test_the_same_key_twice_counts_once() -> None:
    assert set(a_key_set(GOOD, GOOD).keys) == {"good"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"{}",
        b'{"keys":1}',
        b'{"keys":{}}',
        b'{"keys":[]}',
        b"[]",
        b'{"keys":[],"keys":[]}',
        json.dumps({"keys": [GOOD], "epoch": "1"}).encode(),
        json.dumps({"keys": [GOOD], "epoch": -1}).encode(),
        json.dumps({"keys": [GOOD], "epoch": True}).encode(),
        json.dumps({"keys": [GOOD], "revoked": "good"}).encode(),
        json.dumps({"keys": [GOOD], "revoked": [1]}).encode(),
        json.dumps({"keys": [GOOD], "revoked": ["good"]}).encode(),
    ],
)
def test_rubbish_is_no_key_set(body: bytes) -> None:
    with pytest.raises(ValueError):  # any ValueError is the contract
        parse_key_set(body, RS256_ONLY)


def test_finding_goes_by_kid_and_the_keys_own_algorithm() -> None:
    key_set = a_key_set(GOOD, epoch=3, revoked=["burned"])

    assert key_set.find(Header("RS256", "good")).key_id == "good"
    with pytest.raises(RevokedKey):
        key_set.find(Header("RS256", "burned"))
    with pytest.raises(UnknownKey) as unknown:
        key_set.find(Header("RS256", "other"))
    assert unknown.value.key_id == "other"
    with pytest.raises(AlgorithmNotAllowed):
        key_set.find(Header("PS256", "good"))


def test_our_own_copy_may_hold_nothing_but_revoked_keys() -> None:
    assert read_key_set(b'{"keys":[],"revoked":["burned"],"epoch":9}', RS256_ONLY).revoked == {"burned"}


def test_more_revoked_keys_make_a_new_set_without_remembered_headers() -> None:
    key_set = a_key_set(GOOD, rsa_jwk("two"))
    key_set.remember(b"header", key_set.keys["two"], RFC9068)

    smaller = key_set.without(frozenset({"two"}))

    assert set(smaller.keys) == {"good"}
    assert smaller.accepted_headers == {}
    assert set(key_set.keys) == {"good", "two"}


def test_remembered_headers_are_bounded() -> None:
    key_set = a_key_set(GOOD)
    for i in range(5000):
        key_set.remember(str(i).encode(), key_set.keys["good"], RFC9068)

    assert len(key_set.accepted_headers) == 1024


def test_a_loaded_key_keeps_public_members_alone_and_shows_none_of_them() -> None:
    key = a_key_set({**GOOD, "x5c": ["MII"], "note": "x"}).keys["good"]

    assert set(key.jwk) == {"kty", "kid", "alg", "use", "n", "e"}
    assert str(GOOD["n"]) not in repr(key)
