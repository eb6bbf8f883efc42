"""Vectors for the signature alone, of our own making and in the shape of Project Wycheproof's `json_web_signature_test.json`.

The kinds are that project's (JWS parts left out and changed, the ASN.1 of a PKCS #1 v1.5 signature re-encoded in every way, other
primitives under the same key, keys that are not for signing, base64url that is not canonical); keys and bytes are made here, so nothing
is copied. A file of the original is read the same way: `read_file`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives import hashes

from shared import base64url
from tests.resource_server.support import es256, ps256, rs256, rsa_jwk, rsa_key

_OID: Final = bytes.fromhex("608648016503040201")  # id-sha256, RFC 8017 appendix B.1
_LENGTHS: Final = (0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFFFFFFF, 0xFFFFFFFFFFFFFFFF)
_TAGS: Final = (0x00, 0x01, 0x02, 0x04, 0x05, 0x06, 0x30, 0x31, 0x46, 0xFF)


@dataclass(frozen=True)
class Vector:
    """One JWS, the public key it is held against, and whether it is valid under the key's own algorithm."""

    name: str
    jws: bytes
    jwk: dict[str, Any]
    valid: bool


@cache
def made() -> list[Vector]:
    """Return our own vectors."""
    jwk = rsa_jwk("one")
    vectors = [Vector(name, jws, jwk, True) for name, jws in _good()]
    vectors += [Vector(name, jws, jwk, False) for name, jws in (*_incomplete(), *_respelt(), *_other_primitives())]
    vectors += [Vector(f"padding: {name}", _with_block(block), jwk, False) for name, block in _blocks()]
    for members in ({"use": "enc"}, {"use": ..., "key_ops": ["encrypt"]}):
        unfit = {name: value for name, value in {**jwk, **members}.items() if value is not ...}
        vectors.append(Vector(f"key with {members}", sign(b"foo"), unfit, False))
    return vectors


def read_file(path: Path) -> list[Vector]:
    """Return the vectors of a file in the original's format; a private key becomes the public one it stands for."""
    vectors = []
    for group in json.loads(path.read_text(encoding="utf-8"))["testGroups"]:
        key = group.get("public") or group["private"]
        public = {name: value for name, value in key.items() if name not in {"d", "p", "q", "dp", "dq", "qi"}}
        for test in group["tests"]:
            name = f"{group['comment']} {test['tcId']} {test['comment']}"
            vectors.append(Vector(name, test["jws"].encode(), public, test["result"] == "valid"))
    return vectors


def sign(payload: bytes, header: bytes = b'{"alg":"RS256","kid":"one"}', signer: Any = None) -> bytes:
    """Return a JWS of any payload."""
    signing_input = (base64url.encode(header) + "." + base64url.encode(payload)).encode()
    return signing_input + b"." + base64url.encode((signer or rs256())(signing_input)).encode()


def _good() -> Iterator[tuple[str, bytes]]:
    for name, payload in (
        ("empty payload", b""),
        ("zeros", bytes(20)),
        ("one byte", b"a"),
        ("text", b"Test"),
        ("high bytes", bytes(range(224, 256))),
    ):
        yield name, sign(payload)
    yield "white space in the header", sign(b"foo", b'{ "alg" : "RS256",\r\n "kid": "one" }')


def _incomplete() -> Iterator[tuple[str, bytes]]:
    head, payload, signature = sign(b"foo").split(b".")
    changed = bytes([signature[0] + 1]) + signature[1:]
    yield "modified signature", b".".join((head, payload, changed))
    yield "modified payload", b".".join((head, b"XG9v", signature))
    yield "modified header", b".".join((base64url.encode(b'{"alg":"RS256","kid":"One"}').encode(), payload, signature))
    yield from (
        ("missing signature", head + b"." + payload + b"."),
        ("missing signature and separator", head + b"." + payload),
        ("missing payload", head + b".." + signature),
        ("missing payload and separator", head + b"." + signature),
        ("missing header", b"." + payload + b"." + signature),
        ("missing header and separator", payload + b"." + signature),
        ("missing header and signature", b"." + payload + b"."),
        ("only the payload", payload),
        ("empty", b""),
        ("JSON serialization", json.dumps({"protected": "e30", "payload": "Zm9v", "signature": "AA"}).encode()),
    )


def _respelt() -> Iterator[tuple[str, bytes]]:
    parts = sign(b"foo1").split(b".")
    for place, part in enumerate(parts):
        for name, other in (
            ("a space", part[:5] + b" " + part[5:]),
            ("spaces around", b" " + part + b" "),
            ("a newline", part + b"\n"),
            ("padding", part + b"="),
            ("the classic alphabet", part[:-2] + b"+/"),
            ("a foreign character inserted", part[:4] + b"\xc2\xa5" + part[4:]),
            ("a question mark", part[:-1] + b"?"),
            ("other unused bits", part[:-1] + bytes([part[-1] + 1])),
        ):
            yield f"part {place}: {name}", b".".join((*parts[:place], other, *parts[place + 1 :]))


def _other_primitives() -> Iterator[tuple[str, bytes]]:
    for name, signer in (
        ("RS384", rs256(algorithm=hashes.SHA384())),
        ("RS512", rs256(algorithm=hashes.SHA512())),
        ("PS256", ps256),
        ("ES256", es256),
    ):
        yield f"{name} under the name RS256", sign(b"foo", signer=signer)
        yield f"{name} under its own name", sign(b"foo", f'{{"alg":"{name}","kid":"one"}}'.encode(), signer)
    for name in ("none", "None", "NONE", "nOnE"):
        yield f"alg {name}", sign(b"foo", f'{{"alg":"{name}","kid":"one"}}'.encode(), lambda _: b"")


def _with_block(block: bytes) -> bytes:
    """Return a JWS whose signature opens to this very block."""
    signature = _private_operation(int.from_bytes(block, "big")).to_bytes(256, "big")
    head, payload, _ = sign(b"foo").split(b".")
    return b".".join((head, payload, base64url.encode(signature).encode()))


def _private_operation(value: int) -> int:
    """Return value^d modulo n by its two halves (RFC 8017 section 5.1.2), which is four times as fast."""
    key = rsa_key().private_numbers()
    one, other = pow(value, key.dmp1, key.p), pow(value, key.dmq1, key.q)
    return other + (one - other) * key.iqmp % key.p * key.q


def padded(info: bytes) -> bytes:
    """Return EMSA-PKCS1-v1_5 around a DigestInfo (RFC 8017 section 9.2)."""
    return b"\0\1" + b"\xff" * (256 - 3 - len(info)) + b"\0" + info


def digest_info() -> bytes:
    """Return the one right DigestInfo of the signing input of `sign(b"foo")`."""
    return _sequence(_sequence(_element(0x06, _OID), _element(0x05, b"")), _element(0x04, _digest()))


def _digest() -> bytes:
    return hashlib.sha256(sign(b"foo").rpartition(b".")[0]).digest()


def _element(tag: int, value: bytes) -> bytes:
    return bytes((tag, len(value))) + value


def _sequence(*elements: bytes) -> bytes:
    return _element(0x30, b"".join(elements))


def _blocks() -> Iterator[tuple[str, bytes]]:
    """Return every block that is not the right one: each element of the DigestInfo re-encoded, and the padding itself changed."""
    oid, null, octets = (0x06, _OID), (0x05, b""), (0x04, _digest())
    for name, odd in _odd(*oid):
        yield f"oid {name}", padded(_sequence(_sequence(odd, _element(*null)), _element(*octets)))
    for name, odd in _odd(*null):
        yield f"null {name}", padded(_sequence(_sequence(_element(*oid), odd), _element(*octets)))
    for name, odd in _odd(*octets):
        yield f"octets {name}", padded(_sequence(_sequence(_element(*oid), _element(*null)), odd))
    inner = _element(*oid) + _element(*null)
    for name, odd in _odd(0x30, inner):
        yield f"algorithm {name}", padded(_sequence(odd, _element(*octets)))
    for name, odd in _odd(0x30, _sequence(inner) + _element(*octets)):
        yield f"sequence {name}", padded(odd)
    yield from _odd_padding(digest_info())


def _odd(tag: int, value: bytes) -> Iterator[tuple[str, bytes]]:
    length = len(value)
    yield "in long form", bytes((tag, 0x81, length)) + value
    yield "with a leading zero in its length", bytes((tag, 0x82, 0, length)) + value
    yield "one too long", bytes((tag, length + 1)) + value
    yield "one too short", bytes((tag, max(0, length - 1))) + value + (b"" if length else b"\0")
    for claimed in _LENGTHS:
        coded = claimed.to_bytes((claimed.bit_length() + 7) // 8, "big")
        yield f"of length {claimed}", bytes((tag, 0x80 | len(coded))) + coded + value
    yield "of indefinite length without an end", bytes((tag, 0x80)) + value
    yield "of indefinite length", bytes((tag | 0x20, 0x80)) + _element(tag, value) + b"\0\0"
    yield "left out", b""
    yield "by its tag alone", bytes((tag,))
    for other in _TAGS:
        if other != tag:
            yield f"with tag {other}", bytes((other, length)) + value
    for extra in (b"\0\0", b"\5\0", bytes.fromhex("49830500"), bytes.fromhex("aa0500")):
        yield f"and {extra.hex()} inside", _element(tag, value + extra)
        yield f"after {extra.hex()} inside", _element(tag, extra + value)
        yield f"followed by {extra.hex()}", _element(tag, value) + extra
    yield "composed", _element(tag | 0x20, _element(tag, value)) if tag != 0x30 else _element(0x31, value)
    if value:
        yield "empty", _element(tag, b"")
        yield "with its first byte changed", _element(tag, bytes([value[0] ^ 1]) + value[1:])
        yield "with its last byte changed", _element(tag, value[:-1] + bytes([value[-1] ^ 1]))
        yield "without its last byte", _element(tag, value[:-1])
        yield "without its first byte", _element(tag, value[1:])


def _odd_padding(info: bytes) -> Iterator[tuple[str, bytes]]:
    right = padded(info)
    yield "block type 0", b"\0\0" + bytes(256 - 3 - len(info)) + b"\0" + info
    yield "block type 2", b"\0\2" + right[2:]
    yield "a first byte that is not 0", b"\1" + right[1:]
    yield "a hole in the padding", right[:20] + b"\0" + right[21:]
    yield "a bit missing in the padding", right[:20] + b"\xfe" + right[21:]
    yield "no separator", right[: -len(info) - 1] + b"\xff" + info
    yield (
        "short padding and garbage behind (Bleichenbacher 2006)",
        b"\0\1" + b"\xff" * 8 + b"\0" + info + b"\7" * (245 - len(info)),
    )
    yield "no padding", b"\0\1\0" + info + b"\7" * (253 - len(info))
    yield "the bare digest", padded(info[-32:])
