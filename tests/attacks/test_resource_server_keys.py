"""R: attacks by way of the key set, against the notes API: unknown, unfit, doubled, retired and burned keys (RFC 8725 section 3.10)."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives import hashes

from resource_server.jwks.clock import boot_seconds
from shared import base64url
from tests.attacks.forging import hs256, padded_message, roca_modulus
from tests.resource_server.api import an_api
from tests.resource_server.support import (
    a_header,
    rs256,
    rsa_jwk,
    rsa_key,
)


def test_r13_a_storm_of_unknown_kids_is_refused_and_asks_the_issuer_a_few_times() -> None:
    now = [boot_seconds()]
    with an_api(monotonic=lambda: now[0]) as api:
        api.accepts(api.token())
        began, asked_at = now[0], [now[0]]
        for i in range(100):
            now[0] += 0.1 if i % 10 else 1.0  # bursts of ten, 1.9 s apart
            before = len(api.issuer.times())
            api.refuses(api.token(a_header(kid=secrets.token_urlsafe(16))), "unknown_key")
            asked_at += [now[0]] * (len(api.issuer.times()) - before)

        assert len(asked_at) - 1 <= 5 + (now[0] - began) / 30
        assert all(later - earlier >= 1 for earlier, later in itertools.pairwise(asked_at))
        api.accepts(api.token())


def unfit_keys() -> dict[str, tuple[dict[str, object], Callable[[bytes], bytes], str]]:
    two, weak = rsa_key("two"), rsa_key("weak", 1024)
    return {
        "use enc": (rsa_jwk("bad", two, use="enc"), rs256(two), "RS256"),
        "key_ops encrypt": (rsa_jwk("bad", two, key_ops=["encrypt"]), rs256(two), "RS256"),
        "alg RS512": (rsa_jwk("bad", two, alg="RS512"), rs256(two, hashes.SHA512()), "RS512"),
        "alg RS512, token RS256": (rsa_jwk("bad", two, alg="RS512"), rs256(two), "RS256"),
        "1024 bits": (rsa_jwk("bad", weak), rs256(weak), "RS256"),
        "e = 1": (rsa_jwk("bad", two, e="AQ"), padded_message, "RS256"),
        "oct": ({"kty": "oct", "kid": "bad", "alg": "HS256", "k": "c2VjcmV0"}, hs256(b"secret"), "HS256"),
        "oct as RS256": ({"kty": "oct", "kid": "bad", "alg": "RS256", "k": "c2VjcmV0"}, hs256(b"secret"), "RS256"),
        "ROCA": (rsa_jwk("bad", n=base64url.encode(roca_modulus().to_bytes(256, "big"))), lambda _: bytes(255) + b"\1", "RS256"),
    }


@pytest.mark.parametrize("case", unfit_keys())
def test_r20_keys_that_must_not_verify(case: str) -> None:
    jwk, sign, algorithm = unfit_keys()[case]
    with an_api() as api:
        api.issuer.publish(rsa_jwk("one"), jwk)
        api.accepts(api.token())

        api.refuses(api.token(a_header(kid="bad", alg=algorithm), sign))
        api.accepts(api.token())


def test_r21_the_same_kid_twice_in_the_key_set() -> None:
    with an_api() as api:
        api.issuer.publish(rsa_jwk("same", rsa_key("one")), rsa_jwk("one"), rsa_jwk("same", rsa_key("two")))
        api.accepts(api.token())

        for name in ("one", "two"):
            api.refuses(api.token(a_header(kid="same"), rs256(rsa_key(name))), "unknown_key")


def test_r22_a_retired_key_ends_and_its_successor_begins_with_one_reload() -> None:
    now = [boot_seconds()]
    with an_api(monotonic=lambda: now[0]) as api:
        old, new = api.token(), api.token(a_header(kid="two"), rs256(rsa_key("two")))
        api.accepts(old)
        api.issuer.publish(rsa_jwk("two"))
        now[0] += 301

        api.accepts(new)
        api.refuses(old, "unknown_key")
        assert len(api.issuer.times()) <= 3


def test_r22_a_burned_key_never_returns() -> None:
    now = [boot_seconds()]
    with an_api(monotonic=lambda: now[0]) as api:
        api.accepts(api.token())
        for published, revoked in (("two", ["one"]), ("one", [])):
            api.issuer.publish(rsa_jwk(published), rsa_jwk("three"), revoked=revoked)
            now[0] += 60
            api.ask(api.token(a_header(kid=secrets.token_hex(8))))

        api.refuses(api.token(), "revoked_key")
