"""Tokens are encrypted to the key that their resource publishes, and never handed out unencrypted where they should be."""

from __future__ import annotations

import json
from typing import Any

import pytest
from joserfc import jwe
from joserfc.jwk import ECKey, OctKey, RSAKey

from auth_server.keys.encryption import FRESH_SECONDS, STALE_SECONDS, ResourceEncryption, encryption_keys_fault
from auth_server.protocol.errors import KeyUnavailable

URL = "https://notes.example/.well-known/jwks.json"


class Resource:
    """Publishes keys, until it does not."""

    def __init__(self, *keys: Any) -> None:
        self.keys = keys
        self.asked = 0
        self.answer: bytes | None = None

    def __call__(self, url: str) -> bytes:
        assert url == URL
        self.asked += 1
        if self.answer is not None:
            return self.answer
        if not self.keys:
            raise OSError
        return json.dumps({"keys": [key.as_dict(private=False) for key in self.keys]}).encode()


class Monotonic:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def ec_key(**members: Any) -> ECKey:
    return ECKey.generate_key("P-256", {"use": "enc", "alg": "ECDH-ES", "kid": "one", **members}, private=True)


def opened(token: str, key: Any) -> bytes:
    registry = jwe.JWERegistry(algorithms=["ECDH-ES", "RSA-OAEP-256", "A256GCM"])
    return jwe.decrypt_compact(token, key, registry=registry).plaintext or b""


@pytest.mark.parametrize(
    "key", [ec_key(), RSAKey.generate_key(2048, {"use": "enc", "kid": "rsa"}, private=True)], ids=["ECDH-ES", "RSA-OAEP-256"]
)
async def test_only_the_resource_opens_it(key: Any) -> None:
    token = await ResourceEncryption(Resource(key)).encrypt("a.b.c", URL)

    assert token.count(".") == 4
    assert opened(token, key) == b"a.b.c"
    assert b"a.b.c" not in token.encode()


async def test_the_key_is_fetched_once_and_followed_when_it_changes() -> None:
    monotonic, first, second = Monotonic(), ec_key(), ec_key(kid="two")
    resource = Resource(first)
    encryption = ResourceEncryption(resource, monotonic)
    for _ in range(3):
        await encryption.encrypt("a.b.c", URL)
    assert resource.asked == 1

    resource.keys = (second,)
    monotonic.now += FRESH_SECONDS
    assert opened(await encryption.encrypt("a.b.c", URL), first) == b"a.b.c"  # nobody waits for the newer one
    await _settled(encryption)
    assert opened(await encryption.encrypt("a.b.c", URL), second) == b"a.b.c"


async def _settled(encryption: ResourceEncryption) -> None:
    task = encryption._keys[URL].fetching
    if task is not None:
        await task


async def test_an_outage_keeps_the_key_for_a_day_and_no_longer() -> None:
    monotonic, key = Monotonic(), ec_key()
    resource = Resource(key)
    encryption = ResourceEncryption(resource, monotonic)
    await encryption.encrypt("a.b.c", URL)
    resource.keys = ()

    monotonic.now += STALE_SECONDS
    assert opened(await encryption.encrypt("a.b.c", URL), key) == b"a.b.c"
    await _settled(encryption)
    monotonic.now += 60
    with pytest.raises(KeyUnavailable):
        await encryption.encrypt("a.b.c", URL)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"<html>",
        b"[]",
        b'{"keys": 1}',
        b'{"keys": []}',
        b'{"keys": [1]}',
        json.dumps({"keys": [OctKey.generate_key(256, {"use": "enc", "kid": "s"}).as_dict()]}).encode(),
        json.dumps({"keys": [ec_key(use="sig").as_dict(private=False)]}).encode(),
        json.dumps({"keys": [ec_key(alg="ECDH-ES+A256KW").as_dict(private=False)]}).encode(),
        json.dumps({"keys": [ec_key().as_dict(private=True)]}).encode(),
        json.dumps({"keys": [{"kty": "RSA", "n": "AQAB", "e": "AQAB", "use": "enc", "kid": "short"}]}).encode(),
        json.dumps({"keys": [{**ec_key().as_dict(private=False), "x": "AAAA"}]}).encode(),
    ],
)
async def test_without_a_usable_key_no_token_is_handed_out(answer: bytes) -> None:
    resource = Resource()
    resource.answer = answer

    with pytest.raises(KeyUnavailable):
        await ResourceEncryption(resource).encrypt("a.b.c", URL)


async def test_a_resource_that_is_down_is_not_asked_for_each_token() -> None:
    resource = Resource()
    encryption = ResourceEncryption(resource, Monotonic())

    for _ in range(5):
        with pytest.raises(KeyUnavailable):
            await encryption.encrypt("a.b.c", URL)

    assert resource.asked == 1


@pytest.mark.parametrize(
    "url, is_right",
    [
        (URL, True),
        ("http://localhost:8001/.well-known/jwks.json", True),
        ("http://notes.example/jwks.json", False),
        ("file:///etc/passwd", False),
        ("ftp://notes.example/", False),
        ("notes.example", False),
        ("https://user@notes.example/", False),
    ],
)
def test_an_address_that_others_could_answer_for_is_refused(url: str, is_right: bool) -> None:
    assert (encryption_keys_fault(url) is None) is is_right
