"""Encrypted tokens: the API opens what is for it, in one form and no other, across rotations and restarts; nothing else gets further."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwe
from joserfc.jwk import ECKey, RSAKey
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from resource_server import Guard, TokenRefused
from resource_server.decryption import DecryptionKeys
from resource_server.digest_file import StateUnusable
from shared import base64url
from tests.resource_server.calls import call
from tests.resource_server.support import AUDIENCE, IssuerServer, a_guard, a_token, an_issuer, claims

DAY = 86_400.0


class Clock:
    now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def keys(tmp_path: Path, clock: Clock) -> DecryptionKeys:
    return DecryptionKeys(tmp_path, AUDIENCE, clock=clock)


@pytest.fixture
def issuer() -> Iterator[IssuerServer]:
    with an_issuer() as started:
        yield started


@pytest.fixture
def guard(issuer: IssuerServer, keys: DecryptionKeys) -> Iterator[Guard]:
    with a_guard(issuer, decryption=keys) as made:
        yield made


def nested(inside: bytes, jwk: Any, **changes: Any) -> bytes:
    """Encrypt as the issuer does; `changes` are of the header, None takes a member away."""
    header = {"alg": "ECDH-ES", "enc": "A256GCM", "cty": "JWT", "kid": jwk["kid"], **changes}
    header = {name: value for name, value in header.items() if value is not None}
    registry = jwe.JWERegistry(algorithms=[header["alg"], header["enc"], "DEF"], strict_check_header=False)
    key = (RSAKey if jwk["kty"] == "RSA" else ECKey).import_key(dict(jwk))
    return jwe.encrypt_compact(header, inside, key, registry=registry).encode("ascii")


def published(keys: DecryptionKeys) -> Any:
    published_keys: Any = keys.public_jwks()["keys"]
    (jwk,) = published_keys
    return jwk


def app_of(guard: Guard) -> Any:
    async def me(request: Any) -> JSONResponse:
        return JSONResponse({"sub": request.state.principal.sub})

    return guard.wrap(Starlette(routes=[Route("/me", me)]))


def reason(guard: Guard, token: bytes) -> str:
    with pytest.raises(TokenRefused) as refused:
        guard.verify(token)
    return refused.value.reason


def test_a_nested_token_is_judged_like_any_other(guard: Guard, keys: DecryptionKeys, issuer: IssuerServer) -> None:
    token = nested(a_token(claims(iss=issuer.url, sub="alice")), published(keys))

    assert call(app_of(guard), token=token).json == {"sub": "alice"}
    assert guard.verify(token).sub == "alice"
    assert (
        reason(guard, nested(a_token(claims(iss=issuer.url, aud="https://other.example")), published(keys))) == "wrong_audience"
    )


def test_what_may_be_passed_on_is_the_signed_token(guard: Guard, keys: DecryptionKeys, issuer: IssuerServer) -> None:
    """Nobody but this API could open the encrypted one, so an exchange (RFC 8693) would get nowhere with it."""
    signed = a_token(claims(iss=issuer.url))
    encrypted = nested(signed, published(keys))

    assert guard.verify(encrypted).raw == guard.verify(encrypted.decode()).raw == signed.decode()


def test_a_token_that_is_not_encrypted_is_taken_as_before(guard: Guard, issuer: IssuerServer) -> None:
    assert guard.verify(a_token(claims(iss=issuer.url, sub="alice"))).sub == "alice"


def test_an_api_without_a_key_takes_no_encrypted_token(issuer: IssuerServer, keys: DecryptionKeys) -> None:
    with a_guard(issuer) as plain:
        assert reason(plain, nested(a_token(claims(iss=issuer.url)), published(keys))) == "malformed_token"


def test_the_public_key_is_served_and_named_in_the_metadata(guard: Guard, keys: DecryptionKeys) -> None:
    app = app_of(guard)

    served = call(app, "/.well-known/jwks.json")
    assert (served.status, served.json["keys"]) == (200, [published(keys)])
    assert served.json["keys"][0].keys() == {"kty", "crv", "x", "y", "use", "alg", "kid"}
    metadata = call(app, "/.well-known/oauth-protected-resource").json
    assert metadata["jwks_uri"] == "https://notes.example.com/.well-known/jwks.json"


def test_a_restart_opens_what_was_encrypted_before(tmp_path: Path, keys: DecryptionKeys, clock: Clock) -> None:
    token = nested(b"inside", published(keys))

    again = DecryptionKeys(tmp_path, AUDIENCE, clock=clock)

    assert again.open(token) == b"inside"
    assert published(again) == published(keys)


def test_a_replaced_key_opens_for_a_while_and_nothing_new_is_encrypted_to_it(keys: DecryptionKeys, clock: Clock) -> None:
    old = published(keys)
    token = nested(b"inside", old)
    clock.now += 31 * DAY

    assert published(keys)["kid"] != old["kid"]
    clock.now += 1.9 * DAY
    assert keys.open(token) == b"inside"
    clock.now += 0.2 * DAY
    published(DecryptionKeys(keys._file.path.parent, AUDIENCE, clock=clock))
    with pytest.raises(TokenRefused) as refused:
        DecryptionKeys(keys._file.path.parent, AUDIENCE, clock=clock).open(token)
    assert refused.value.reason == "undecryptable"


def test_a_key_that_another_process_made_is_found_in_the_folder(tmp_path: Path, keys: DecryptionKeys, clock: Clock) -> None:
    other = DecryptionKeys(tmp_path, AUDIENCE, clock=clock)
    clock.now += 31 * DAY
    token = nested(b"inside", published(other))

    assert keys.open(token) == b"inside"


def test_the_private_half_is_for_its_owner_alone(tmp_path: Path, keys: DecryptionKeys, clock: Clock) -> None:
    path = keys._file.path
    assert path.stat().st_mode & 0o077 == 0
    path.chmod(0o640)

    with pytest.raises(StateUnusable):
        DecryptionKeys(tmp_path, AUDIENCE, clock=clock)


@pytest.mark.parametrize(
    "changes",
    [
        {"alg": "ECDH-ES+A256KW"},
        {"enc": "A128GCM"},
        {"enc": "A128CBC-HS256"},
        {"cty": None},
        {"cty": "json"},
        {"kid": None},
        {"jku": "https://evil.example/keys"},
        {"x": "y"},
        {"zip": "DEF"},
        {"apu": "QQ"},
    ],
)
def test_another_form_is_refused_before_it_is_opened(keys: DecryptionKeys, changes: dict[str, Any]) -> None:
    token = nested(b"inside", published(keys), **changes)

    with pytest.raises(TokenRefused) as refused:
        keys.open(token)
    assert refused.value.reason == "malformed_token"


def test_a_bomb_is_not_inflated(keys: DecryptionKeys) -> None:
    """T14, cve-history 25: compression is no part of the form."""
    bomb = nested(zlib.compress(bytes(10_000_000))[:4000], published(keys), zip="DEF")

    with pytest.raises(TokenRefused) as refused:
        keys.open(bomb)
    assert refused.value.reason == "malformed_token"


@pytest.mark.parametrize("part", range(5))
def test_a_changed_byte_in_any_part_opens_nothing(guard: Guard, keys: DecryptionKeys, issuer: IssuerServer, part: int) -> None:
    parts = nested(a_token(claims(iss=issuer.url)), published(keys)).split(b".")
    changed = parts[part][:2] + (b"A" if parts[part][2:3] != b"A" else b"B") + parts[part][3:] if parts[part] else b"AAAA"
    parts[part] = changed

    assert reason(guard, b".".join(parts)) in {"undecryptable", "malformed_token"}


def test_a_token_for_another_api_is_told_as_such(guard: Guard, issuer: IssuerServer, tmp_path: Path, clock: Clock) -> None:
    elsewhere = DecryptionKeys(tmp_path / "other", "https://other.example", clock=clock)

    assert reason(guard, nested(a_token(claims(iss=issuer.url)), published(elsewhere))) == "undecryptable"


@pytest.mark.parametrize("size", [8 * 1024 + 1, 11_000, 100_000])
def test_size_is_bounded_inside_and_outside(guard: Guard, keys: DecryptionKeys, size: int) -> None:
    assert reason(guard, nested(b"x" * size, published(keys))) == "token_too_large"


def test_what_is_inside_has_to_be_a_signed_token(guard: Guard, keys: DecryptionKeys, issuer: IssuerServer) -> None:
    unsigned = base64url.encode(json.dumps({"alg": "none", "typ": "at+jwt", "kid": "one"}).encode()).encode()
    body = base64url.encode(json.dumps(claims(iss=issuer.url)).encode()).encode()

    assert reason(guard, nested(unsigned + b"." + body + b".", published(keys))) in {"algorithm_not_allowed", "malformed_token"}
    again = nested(nested(a_token(claims(iss=issuer.url)), published(keys)), published(keys))
    assert reason(guard, again) == "malformed_token"
