"""Shared signals at an API: what a pushed or polled event ends is refused within the call, and nothing else is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from resource_server import Guard
from resource_server.signals import Signals, SignalsUnavailable
from resource_server.testing import reason_of
from resource_server.verifier.security_event import CREDENTIAL_CHANGE, SetRefused
from tests.resource_server.events_of_others import a_set, push
from tests.resource_server.feeds import a_token_of_session, until
from tests.resource_server.support import (
    NOW,
    IssuerServer,
    a_guard,
    a_header,
    a_token,
    claims,
    rsa_jwk,
)
from tests.resource_server.verifier.test_security_event import set_claims


def _about_alice(issuer: IssuerServer, at: int, **members: object) -> bytes:
    person = {"format": "iss_sub", "iss": issuer.url, "sub": "alice"}
    return a_set(issuer, sub_id=person, events={CREDENTIAL_CHANGE: {"event_timestamp": at}}, **members)


def test_a_session_that_ended_is_refused_when_the_call_returns(guard: Guard, issuer: IssuerServer, signals: Signals) -> None:
    token, other = a_token_of_session(issuer), a_token_of_session(issuer, jti="token-2", sid="s2")
    assert [reason_of(guard, one) for one in (token, other)] == [None, None]  # and remembered as good

    signals.take(a_set(issuer))

    assert [reason_of(guard, one) for one in (token, other)] == ["revoked", None]


def test_a_changed_password_ends_what_was_issued_until_then(guard: Guard, issuer: IssuerServer, signals: Signals) -> None:
    old, new = a_token_of_session(issuer, iat=NOW - 10), a_token_of_session(issuer, iat=NOW - 9, jti="token-2")
    bystander = a_token_of_session(issuer, sub="bob", iat=NOW - 10)

    signals.take(_about_alice(issuer, NOW - 10))

    assert [reason_of(guard, one) for one in (old, new, bystander)] == ["revoked", None, None]


def test_one_that_comes_again_changes_nothing(guard: Guard, issuer: IssuerServer, signals: Signals) -> None:
    token = a_token_of_session(issuer, iat=NOW - 5)

    for _ in range(3):
        assert signals.take(_about_alice(issuer, NOW - 10)).jti == "set-1"

    assert reason_of(guard, token) is None
    assert (signals.taken, signals.refused) == (3, 0)


@pytest.mark.parametrize(
    "members, code",
    [
        ({"iss": "https://other.example"}, "invalid_issuer"),
        ({"aud": "https://other.example"}, "invalid_audience"),
        ({"exp": NOW + 60}, "invalid_request"),
    ],
)
def test_what_is_not_for_us_ends_nothing(
    guard: Guard, issuer: IssuerServer, signals: Signals, members: dict[str, Any], code: str
) -> None:
    with pytest.raises(SetRefused) as refused:
        signals.take(a_set(issuer, **members))

    assert refused.value.code == code
    assert reason_of(guard, a_token_of_session(issuer)) is None
    assert signals.refused == 1


@pytest.mark.parametrize("rubbish", [b"", b"a.b.c", b"\xff" * 10, "ü", b"x" * 100_000])
def test_rubbish_is_refused(signals: Signals, rubbish: bytes | str) -> None:
    with pytest.raises(SetRefused) as refused:
        signals.take(rubbish)

    assert refused.value.code == "invalid_request"


def test_a_key_that_is_new_is_looked_for_and_until_it_is_there_the_event_must_come_again(
    guard: Guard, issuer: IssuerServer, signals: Signals
) -> None:
    with pytest.raises(SignalsUnavailable):
        signals.take(a_set(issuer, kid="two"))
    assert reason_of(guard, a_token_of_session(issuer)) is None

    issuer.publish(rsa_jwk(), rsa_jwk("two"))

    until(lambda: push(signals, a_set(issuer, kid="two"))[0] == 202)  # keys are asked for at most once a second
    assert reason_of(guard, a_token_of_session(issuer)) == "revoked"


def test_an_event_is_no_access_token(guard: Guard, issuer: IssuerServer, signals: Signals) -> None:
    everything = claims(**{**set_claims(), "iss": issuer.url})

    for typ in ("secevent+jwt", "application/secevent+jwt"):
        assert reason_of(guard, a_token(everything, a_header(typ=typ))) == "wrong_type"
    with pytest.raises(SetRefused):
        signals.take(a_token(everything))


def test_what_was_ended_outlives_a_restart(issuer: IssuerServer, tmp_path: Path) -> None:
    with a_guard(issuer, state_dir=tmp_path) as guard:
        guard.warm()
        Signals(guard).take(a_set(issuer))
    with a_guard(issuer, state_dir=tmp_path) as guard:
        guard.warm()
        assert reason_of(guard, a_token_of_session(issuer)) == "revoked"


def test_an_issuer_that_cannot_be_asked_makes_it_come_again(issuer: IssuerServer) -> None:
    issuer.replies.clear()
    with a_guard(issuer) as guard, pytest.raises(SignalsUnavailable):
        Signals(guard).take(a_set(issuer))
