"""RS256: one spelling, one block, and other threads that run meanwhile."""

from __future__ import annotations

import sys
import threading
import time
from functools import cache
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from hypothesis import given, settings
from hypothesis import strategies as st

from resource_server.verifier.errors import BadSignature
from resource_server.verifier.signature import VerifyingKey, check_signature, load_key
from shared import base64url

MESSAGE = b"header.payload"
INFO = bytes.fromhex("3031300d060960864801650304020105000420")
# Of a whole number of bytes, and not: the length of a signature is rounded up (RFC 8017 section 8.2.1).
SIZES = (2048, 2050, 2056)


@cache
def private_key(bits: int) -> RSAPrivateKey:
    return generate_private_key(public_exponent=65537, key_size=bits)


@cache
def verifying_key(bits: int) -> VerifyingKey:
    numbers = private_key(bits).public_key().public_numbers()
    encoded = {
        name: base64url.encode(number.to_bytes((number.bit_length() + 7) // 8, "big"))
        for name, number in (("n", numbers.n), ("e", numbers.e))
    }
    return load_key({"kty": "RSA", **encoded}, "key", "RS256")


def accepted(bits: int, signature: bytes) -> bool:
    try:
        check_signature(verifying_key(bits), MESSAGE, signature)
    except BadSignature:
        return False
    return True


def length(bits: int) -> int:
    return (bits + 7) // 8


def over_block(bits: int, block: bytes) -> bytes:
    """Return the signature that holds a block of any kind: what only the owner of the key can make, and a forger may hope to."""
    numbers = private_key(bits).private_numbers()
    return pow(int.from_bytes(block, "big"), numbers.d, numbers.public_numbers.n).to_bytes(length(bits), "big")


def block(bits: int, held: bytes, *, kind: int = 1, fill: int = 0xFF) -> bytes:
    """Return a block as RFC 8017 section 9.2 spells it."""
    return bytes([0, kind]) + bytes([fill]) * (length(bits) - 3 - len(held)) + b"\x00" + held


@pytest.mark.parametrize("bits", SIZES)
def test_the_right_signature_is_taken_in_one_spelling(bits: int) -> None:
    right = private_key(bits).sign(MESSAGE, PKCS1v15(), SHA256())
    modulus = private_key(bits).public_key().public_numbers().n

    assert right == over_block(bits, block(bits, INFO + sha256(MESSAGE).digest()))
    assert accepted(bits, right)
    for other in (
        b"",
        right[:-1],
        right + b"\x00",
        b"\x00" + right,
        b"\x00" * 9 + right,
        right[1:],
        bytes(len(right)),
        b"\xff" * len(right),
    ):
        assert not accepted(bits, other)
    for number in (0, 1, modulus - 1, modulus, modulus + int.from_bytes(right, "big")):
        assert not accepted(bits, number.to_bytes(length(bits) + 1, "big"))
        if number.bit_length() <= 8 * length(bits):
            assert not accepted(bits, number.to_bytes(length(bits), "big"))


def test_a_signature_that_begins_with_nought_is_not_taken_without_it() -> None:
    """Opening one that is too short succeeds: the number is the same. One token in 256 would have a second spelling."""
    number = 0
    while True:
        message = b"%d" % number
        signature = private_key(2048).sign(message, PKCS1v15(), SHA256())
        if signature[0] == 0:
            break
        number += 1
    check_signature(verifying_key(2048), message, signature)
    for other in (signature[1:], signature.lstrip(b"\x00")):
        with pytest.raises(BadSignature):
            check_signature(verifying_key(2048), message, other)


@pytest.mark.parametrize("bits", SIZES)
@pytest.mark.parametrize(
    "held",
    [
        sha256(MESSAGE).digest(),
        INFO,
        INFO + sha256(b"another").digest(),
        INFO + sha256(MESSAGE).digest() + b"\x00",  # what follows the digest was not looked at by Bleichenbacher's victims (2006)
        INFO + sha256(MESSAGE).digest() + b"\x00" * 100,
        b"\x00" + INFO + sha256(MESSAGE).digest(),
        bytes.fromhex("302f300b0609608648016503040201") + b"\x04\x20" + sha256(MESSAGE).digest(),  # no NULL
        bytes.fromhex("3021300906052b0e03021a05000414") + sha256(MESSAGE).digest()[:20],  # SHA-1's name
    ],
)
def test_a_block_that_holds_something_else_is_refused(bits: int, held: bytes) -> None:
    assert not accepted(bits, over_block(bits, block(bits, held)))


@pytest.mark.parametrize("bits", SIZES)
@pytest.mark.parametrize("kind, fill", [(0, 0), (0, 0xFF), (1, 0xFE), (1, 0), (2, 0xFF)])
def test_another_padding_is_refused(bits: int, kind: int, fill: int) -> None:
    assert not accepted(bits, over_block(bits, block(bits, INFO + sha256(MESSAGE).digest(), kind=kind, fill=fill)))


@settings(max_examples=40)  # each is a signature by arithmetic in Python
@given(place=st.integers(0, 255), byte=st.integers(0, 255))
def test_any_other_byte_anywhere_in_the_block_is_refused(place: int, byte: int) -> None:
    right = bytearray(block(2048, INFO + sha256(MESSAGE).digest()))
    changed = right[place] != byte
    right[place] = byte
    if int.from_bytes(right, "big") < private_key(2048).public_key().public_numbers().n:
        assert accepted(2048, over_block(2048, bytes(right))) is not changed


@given(signature=st.binary(max_size=300) | st.binary(min_size=256, max_size=256))
def test_no_bytes_raise_anything_but_the_refusal(signature: bytes) -> None:
    assert not accepted(2048, signature)


def test_other_threads_run_while_a_signature_is_verified() -> None:
    """An API that serves from threads verifies on all its cores. With this interval nobody is made to hand on the interpreter's lock."""
    key, signature = verifying_key(2048), private_key(2048).sign(MESSAGE, PKCS1v15(), SHA256())
    turns, done = 0, threading.Event()

    def turn() -> None:
        nonlocal turns
        while not done.is_set():
            turns += 1
            time.sleep(0)

    interval, other = sys.getswitchinterval(), threading.Thread(target=turn)
    sys.setswitchinterval(60)
    try:
        other.start()
        before = turns
        for _ in range(2000):
            check_signature(key, MESSAGE, signature)
        during = turns - before
    finally:
        done.set()
        sys.setswitchinterval(interval)
        other.join()
    assert during > 10
