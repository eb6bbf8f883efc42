"""Attacks on one API that trusts two issuers: R19, S17, and rows 34, 37 and 38 of what happened elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from resource_server import Guard
from resource_server.demo.app import build_app
from tests.resource_server.api import Api
from tests.resource_server.support import (
    AUDIENCE,
    NOW,
    Events,
    IssuerServer,
    a_header,
    a_token,
    an_issuer,
    claims,
    rs256,
    rsa_jwk,
    rsa_key,
)


@dataclass
class Both:
    """The notes API behind one guard, and its two issuers, whose keys differ under the same `kid`."""

    a: IssuerServer
    b: IssuerServer
    guard: Guard
    api: Api

    def of_a(self, **members: object) -> bytes:
        return a_token(self._claims(self.a, members), sign=rs256(rsa_key("one")))

    def of_b(self, **members: object) -> bytes:
        return a_token(self._claims(self.b, members), sign=rs256(rsa_key("tenant b")))

    def of_a_signed_by_b(self, header: dict[str, object] | None = None, **members: object) -> bytes:
        return a_token(self._claims(self.a, members), header or a_header(), rs256(rsa_key("tenant b")))

    def _claims(self, issuer: IssuerServer, members: dict[str, Any]) -> dict[str, object]:
        return claims(**{"iss": issuer.url, "scope": "notes:read", **members})


@pytest.fixture(params=[10_000, 0], ids=["remembering", "forgetting"])
def both(request: pytest.FixtureRequest) -> Iterator[Both]:
    with an_issuer() as a, an_issuer() as b:
        b.publish(rsa_jwk("one", rsa_key("tenant b")))
        guard = Guard(issuer=[a.url, b.url], audience=AUDIENCE, clock=lambda: NOW, on_event=Events(), cached_tokens=request.param)
        try:
            yield Both(a, b, guard, Api(a, guard, build_app(guard)))
        finally:
            guard.close()


def test_r19_a_key_of_another_issuer_under_the_same_kid(both: Both) -> None:
    """Two issuers configured, one `kid` in both sets; the token says A and is signed by B."""
    both.api.accepts(both.of_a())
    both.api.accepts(both.of_b())

    both.api.refuses(both.of_a_signed_by_b(), "bad_signature")
    both.api.refuses(a_token(claims(iss=both.b.url), sign=rs256(rsa_key("one"))), "bad_signature")


def test_r19_a_kid_that_only_the_other_issuer_has_is_unknown(both: Both) -> None:
    both.b.publish(rsa_jwk("only b's", rsa_key("tenant b")))
    both.guard.warm(5)

    both.api.refuses(both.of_a_signed_by_b(a_header(kid="only b's")), "unknown_key")


def test_s17_the_same_jti_of_two_issuers_is_judged_for_itself(both: Both) -> None:
    for token, sub in ((both.of_a(sub="alice"), "alice"), (both.of_b(sub="bob"), "bob")) * 2:
        assert both.api.accepts(token).json["sub"] == sub
    both.api.refuses(both.of_b(sub="bob", aud="https://other.example"), "wrong_audience")
    both.api.refuses(both.of_b(exp=NOW - 61, iat=NOW - 600), "expired")


def test_s17_a_burned_key_of_one_issuer_ends_its_tokens_alone(both: Both) -> None:
    a_token_of_a, a_token_of_b = both.of_a(), both.of_b()
    both.api.accepts(a_token_of_a)
    both.api.accepts(a_token_of_b)
    source = both.guard.issuers[both.a.url].keys
    both.a.publish(rsa_jwk("two", rsa_key("two")), revoked=["one"], epoch=1)
    with source._condition:
        source._cache._due_at = source._cache._started_at = float("-inf")
        flight = source._flight
        source._condition.notify_all()
    flight.result(10)

    both.api.refuses(a_token_of_a, "revoked_key")
    both.api.accepts(a_token_of_b)


@pytest.mark.parametrize("member", ["jku", "jwk", "x5u", "x5c"])
def test_cve_34_the_token_chooses_an_issuer_by_its_name_and_no_key(both: Both, member: str) -> None:
    """Lookup takes the issuer that is configured under that name, and the `kid` in its set; nothing else of the token."""
    values = {"jku": f"{both.b.url}/jwks", "x5u": f"{both.b.url}/jwks", "x5c": ["x"], "jwk": rsa_jwk("one", rsa_key("tenant b"))}
    both.api.refuses(both.of_a_signed_by_b(a_header(**{member: values[member]})), "forbidden_header")
    assert not both.b.asked


@pytest.mark.parametrize("spelling", ["{}/", "{}#", "{}?", "{}/.", " {}", "{}\u0000", "HTTP{}"])
def test_cve_34_an_issuer_by_another_spelling_is_a_stranger(both: Both, spelling: str) -> None:
    name = spelling.format(both.a.url).replace("HTTPhttp", "HTTP")
    answer = both.api.ask(a_token(claims(iss=name)))

    assert (answer.status, answer.json["reason"]) in {(401, "wrong_issuer"), (401, "malformed_token")}
    assert not both.a.asked


def test_cve_37_a_remembered_token_is_asked_for_its_scope_each_time(both: Both) -> None:
    for token in (both.of_a(), both.of_b()):
        for _ in range(2):
            assert both.api.ask(token, "/notes").status == 200
            assert both.api.ask(token, "/notes", method="POST").status == 403
            assert both.api.ask(token, "/admin/notes").status == 403


def test_cve_38_the_same_bytes_before_guards_with_other_issuers_are_judged_by_each(both: Both) -> None:
    """A token that one guard has verified means nothing to another, nor to the other issuer of the same guard."""
    token = both.of_a()
    both.api.accepts(token)
    other = Guard(issuer=[both.b.url], audience=AUDIENCE, clock=lambda: NOW, on_event=Events())
    try:
        Api(both.b, other, build_app(other)).refuses(token, "bad_signature")
    finally:
        other.close()
    remembered = [issuer.statistics()["verified_tokens"] for issuer in both.guard.issuers.values()]
    assert remembered[1] == 0
