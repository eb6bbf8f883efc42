"""T16 to T20: the issuer is down, slow, or answers rubbish, and the notes API goes on."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler

import pytest

from resource_server.jwks.clock import boot_seconds
from tests.resource_server.api import an_api, assert_nothing_leaks
from tests.resource_server.support import Reply, a_header, jwks, rs256, rsa_jwk, rsa_key


def test_t16_no_key_set_and_nothing_cached() -> None:
    with an_api() as api:
        api.issuer.replies.clear()

        answer = api.ask(api.token())

        assert answer.status == 503
        assert int(answer.header("retry-after") or 0) >= 1
        assert answer.header("www-authenticate") is None
        assert answer.json["reason"] == "keys_unavailable"
        assert_nothing_leaks(api.token(), answer)
        # What no key could make good is refused all the same.
        api.refuses(api.token(a_header(typ="JWT")), "wrong_type")
        api.refuses(b"rubbish", "malformed_token")


def test_t16_it_recovers_by_itself() -> None:
    now = [boot_seconds()]
    with an_api(monotonic=lambda: now[0]) as api:
        replies, api.issuer.replies = api.issuer.replies, {}
        assert api.ask(api.token()).status == 503
        api.issuer.replies = replies
        now[0] += 5

        api.accepts(api.token())


@pytest.mark.parametrize("age", [10, 280, 700, 4_000, 80_000])
def test_t17_no_key_set_and_keys_cached(age: int) -> None:
    now = [boot_seconds()]
    with an_api(monotonic=lambda: now[0]) as api:
        api.accepts(api.token())
        api.issuer.replies.clear()
        now[0] += age

        api.accepts(api.token(jti="another"))
        assert api.ask(api.token(a_header(kid="unknown"))).status == 503


def test_t17_beyond_the_hard_limit_nothing_is_decided() -> None:
    now = [boot_seconds()]
    with an_api(monotonic=lambda: now[0]) as api:
        api.accepts(api.token())
        api.issuer.replies.clear()
        now[0] += 86_401

        assert api.ask(api.token()).status == 503


def hundred_megabytes(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "100000000")
    handler.end_headers()
    for _ in range(1000):
        handler.wfile.write(b" " * 100_000)


def rubbish() -> dict[str, Reply]:
    evil = rsa_jwk("evil", rsa_key("attacker"))
    return {
        "HTML": Reply(b"<html></html>"),
        "{}": Reply(b"{}"),
        "keys: 1": Reply(b'{"keys": 1}'),
        "empty": Reply(jwks()[:0]),
        "no keys": Reply(b'{"keys":[]}'),
        "only oct": Reply(b'{"keys":[{"kty":"oct","kid":"one","k":"AAAA"}]}'),
        "cut short": Reply(jwks(evil)[:-20]),
        "two documents": Reply(jwks(evil) + jwks(evil)),
        "100 MB": Reply(act=hundred_megabytes),
        "64 KiB and a byte": Reply(jwks(evil) + b" " * 65_536),
        "500 with keys": Reply(jwks(evil), 500),
        "404 with keys": Reply(jwks(evil), 404),
        "redirect": Reply(b"", 302, {"Location": "https://evil.example/jwks"}),
        "older epoch": Reply(jwks(evil, epoch=6)),
        "no epoch": Reply(jwks(evil)),
    }


@pytest.mark.parametrize("case", rubbish())
def test_t18_the_key_set_answers_rubbish(case: str) -> None:
    now = [boot_seconds()]
    with an_api(monotonic=lambda: now[0]) as api:
        api.issuer.publish(rsa_jwk("one"), epoch=7)
        api.accepts(api.token())
        api.issuer.replies["/jwks"] = rubbish()[case]
        now[0] += 310

        assert api.ask(api.token(a_header(kid="evil"), rs256(rsa_key("attacker")))).status == 503
        api.accepts(api.token())
        api.accepts(api.token(jti="another"))


def test_t18_a_key_set_that_never_ends_delays_nobody_with_a_known_key() -> None:
    now = [boot_seconds()]
    with an_api(monotonic=lambda: now[0]) as api:
        api.accepts(api.token())
        api.issuer.open.clear()
        now[0] += 5
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(api.ask, api.token(a_header(kid="unknown")))
            started_at = time.monotonic()
            for i in range(20):
                api.accepts(api.token(jti=f"token-{i}"))
            assert time.monotonic() - started_at < 0.9
            answer = waiting.result(5)
        assert answer.status == 503
        assert time.monotonic() - started_at < 2


@pytest.mark.parametrize(
    "bad", [{"kty": "RSA"}, 1, {"kty": "RSA", "kid": "x", "n": "AQAB", "e": "AQAB", "alg": "RS256"}, {"kty": "oct", "k": ""}]
)
def test_t19_the_key_set_poisoned_with_one_bad_key(bad: object) -> None:
    with an_api() as api:
        api.issuer.publish(bad, rsa_jwk("one"), bad)

        api.accepts(api.token())


def test_t20_a_stampede_asks_once() -> None:
    now = [boot_seconds()]
    with an_api(monotonic=lambda: now[0]) as api:
        api.accepts(api.token())
        now[0] += 5
        asked = len(api.issuer.times())
        tokens = [api.token(a_header(kid=f"unknown-{i}")).decode() for i in range(100)]

        async def stampede() -> list[object]:
            return await asyncio.gather(*(api.guard.averify(token) for token in tokens), return_exceptions=True)

        outcomes = asyncio.run(stampede())

        assert {getattr(outcome, "reason", None) for outcome in outcomes} == {"unknown_key"}
        assert len(api.issuer.times()) == asked + 1
