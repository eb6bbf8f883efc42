"""The guard remembers what it verified: until its time, its key or its keys' age ends it, and never the token itself."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from resource_server import Guard
from resource_server.jwks.clock import boot_seconds
from resource_server.verifier import errors
from tests.resource_server.calls import counted_calls
from tests.resource_server.support import (
    NOW,
    IssuerServer,
    a_guard,
    a_header,
    a_token,
    claims,
    rs256,
    rsa_jwk,
    rsa_key,
)


def test_a_remembered_token_takes_at_most_15_counted_calls(guard: Guard, issuer: IssuerServer) -> None:
    token = issuer.token().decode()
    guard.verify(token)

    assert counted_calls(lambda: guard.verify(token)) <= 15


def test_a_first_look_through_the_guard_takes_at_most_60_counted_calls(guard: Guard, issuer: IssuerServer) -> None:
    guard.verify(issuer.token())
    token = issuer.token(jti="token-2").decode()

    assert counted_calls(lambda: guard.verify(token)) <= 61  # the profiler's own end counts as one


def test_a_remembered_token_ends_at_its_time(issuer: IssuerServer) -> None:
    now = [float(NOW)]
    with a_guard(issuer, clock=lambda: now[0]) as guard:
        token = issuer.token(nbf=NOW + 50)
        guard.verify(token)

        now[0] = NOW + 659.9
        assert guard.verify(token)
        now[0] = NOW + 660.0
        with pytest.raises(errors.Expired):
            guard.verify(token)
        now[0] = NOW - 11.0
        with pytest.raises(errors.NotYetValid):
            guard.verify(token)


def test_a_remembered_token_ends_with_its_key(issuer: IssuerServer) -> None:
    seconds = [boot_seconds()]
    with a_guard(issuer, monotonic=lambda: seconds[0]) as guard:
        token = issuer.token()
        guard.verify(token)
        issuer.publish(rsa_jwk("two"), revoked=["one"], epoch=1)
        seconds[0] += 5
        guard.verify(a_token(claims(iss=issuer.url), a_header(kid="two"), rs256(rsa_key("two"))))

        with pytest.raises(errors.RevokedKey):
            guard.verify(token)


def test_a_remembered_token_ends_when_keys_are_too_old(issuer: IssuerServer) -> None:
    seconds = [boot_seconds()]
    with a_guard(issuer, monotonic=lambda: seconds[0]) as guard:
        token = issuer.token()
        guard.verify(token)
        issuer.replies.clear()
        seconds[0] += 301
        assert guard.verify(token)
        seconds[0] += 86_400

        with pytest.raises(errors.KeysUnavailable):
            guard.verify(token)


def test_what_is_refused_is_not_remembered(issuer: IssuerServer) -> None:
    now = [NOW - 100]
    with a_guard(issuer, clock=lambda: now[0]) as guard:
        token = issuer.token()
        with pytest.raises(errors.IssuedInTheFuture):
            guard.verify(token)
        now[0] = NOW

        assert guard.verify(token)


def test_no_token_lies_in_the_memory_of_tokens(guard: Guard, issuer: IssuerServer) -> None:
    guard.verify(issuer.token())

    assert all(len(digest) == 32 for digest in guard._issuers.first._verified.young)
    assert "eyJ" not in repr(guard._issuers.first._verified.young)


def test_many_threads_agree(guard: Guard, issuer: IssuerServer) -> None:
    tokens = [issuer.token(sub=f"user-{i}") for i in range(40)]
    with ThreadPoolExecutor(8) as pool:
        subjects = list(pool.map(lambda token: guard.verify(token).sub, tokens * 5))

    assert subjects == [f"user-{i}" for i in range(40)] * 5
    assert len(issuer.times()) == 1
