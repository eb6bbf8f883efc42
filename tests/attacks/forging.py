"""Means of forging that several files of attacks use: secrets made of public keys, signatures that no key made."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from resource_server import Guard
from shared import base64url
from tests.resource_server.support import AUDIENCE, NOW, Events, IssuerServer, rsa_jwk, rsa_key


def hs256(secret: bytes) -> Callable[[bytes], bytes]:
    return lambda message: hmac.new(secret, message, hashlib.sha256).digest()


def spellings_of_the_public_key() -> dict[str, bytes]:
    public = rsa_key("one").public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    pkcs1 = public.public_bytes(Encoding.PEM, PublicFormat.PKCS1)
    modulus = public.public_numbers().n.to_bytes(256, "big")
    return {
        "PEM": pem,
        "PEM without newline": pem.rstrip(b"\n"),
        "PEM with space": b" \n" + pem,
        "PKCS1": pkcs1,
        "PKCS1 without newline": pkcs1.rstrip(b"\n"),
        "DER": public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        "PKCS1 DER": public.public_bytes(Encoding.DER, PublicFormat.PKCS1),
        "OpenSSH": public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH),
        "JWK": json.dumps(rsa_jwk("one")).encode(),
        "n": modulus,
        "n in base64url": base64url.encode(modulus).encode(),
    }


def padded_message(message: bytes) -> bytes:
    """With e = 1 a signature is the padded digest itself, so anybody can make one."""
    prefix = bytes.fromhex("3031300d060960864801650304020105000420")
    digest = prefix + hashlib.sha256(message).digest()
    return b"\0\1" + b"\xff" * (256 - len(digest) - 3) + b"\0" + digest


def roca_modulus() -> int:
    """A number with the fingerprint of CVE-2017-15361: a power of 65537 modulo the product of the first primes."""
    product = 1
    for prime in [p for p in range(2, 702) if all(p % q for q in range(2, int(p**0.5) + 1))]:
        product *= prime
    multiple = (1 << 2047) // product + 1
    return multiple * product + pow(65537, 4711, product)


@contextmanager
def two_issuers(*issuers: IssuerServer) -> Iterator[Guard]:
    """A guard that trusts several issuers."""
    guard = Guard(issuer=[one.url for one in issuers], audience=AUDIENCE, clock=lambda: NOW, on_event=Events())
    try:
        yield guard
    finally:
        guard.close()
