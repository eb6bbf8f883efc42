"""The issuer for tests, real and key-only alike: tokens, and what happens to keys, on command."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from resource_server import Guard
from resource_server.testing import NeedsAuthServer, RunningIssuer, eventually, reason_of, start_issuer
from resource_server.testing import issuer as starting

RESOURCES = {"https://orders.example.com": ("orders:read", "orders:write"), "https://billing.example.com": ("billing:read",)}


@pytest.fixture(scope="module", params=[True, False], ids=["real", "keys"])
def running(request: pytest.FixtureRequest) -> Iterator[RunningIssuer]:
    with start_issuer(RESOURCES, real=request.param) as issuer:
        yield issuer


@pytest.fixture
def issuer(running: RunningIssuer) -> Iterator[RunningIssuer]:
    yield running
    running.come_back()


@pytest.fixture
def guard(issuer: RunningIssuer) -> Iterator[Guard]:
    guard = issuer.guard()
    guard.warm()
    yield guard
    guard.close()


def test_it_is_what_was_asked_for(issuer: RunningIssuer, request: pytest.FixtureRequest) -> None:
    assert issuer.is_real == ("real" in request.node.name)
    assert issuer.audience == "https://orders.example.com"


def test_its_tokens_are_taken(issuer: RunningIssuer, guard: Guard) -> None:
    who = guard.verify(issuer.token(scope="orders:read", roles=["clerk"], permissions=["refund"], sub="bob", tier="gold"))

    assert (who.sub, who.scopes, who.roles, who.entitlements) == ("bob", {"orders:read"}, {"clerk"}, {"refund"})
    assert who.claims["tier"] == "gold"


@pytest.mark.parametrize(
    "reason,claims",
    [
        ("expired", {"expires_in": -120}),
        ("wrong_audience", {"aud": "https://billing.example.com"}),
        ("wrong_issuer", {"iss": "https://other.example.com"}),
        ("missing_claim", {"jti": ...}),
        ("wrong_type", {"typ": "JWT"}),
        ("lifetime_too_long", {"expires_in": 90_000}),
        ("issued_in_the_future", {"issued_ago": -120}),
        ("bound_token", {"cnf": {"jkt": "x"}}),
    ],
)
def test_a_token_can_be_wrong_in_any_way(reason: str, claims: dict, issuer: RunningIssuer, guard: Guard) -> None:
    assert reason_of(guard, issuer.token(**claims)) == reason


def test_rotation_refuses_no_token_and_needs_no_fetch(issuer: RunningIssuer, guard: Guard) -> None:
    before = issuer.token()
    former = guard.verify(before).token.key_id

    signing = issuer.rotate()

    after = issuer.token()
    assert reason_of(guard, before) is None
    assert guard.verify(after).token.key_id == signing != former


def test_a_burned_key_is_refused_after_the_next_refresh(issuer: RunningIssuer, guard: Guard) -> None:
    token = issuer.token()
    signing = guard.verify(token).token.key_id

    burned = issuer.burn()

    assert burned == signing
    assert eventually(lambda: reason_of(guard, token) == "revoked_key")
    assert reason_of(guard, issuer.token()) is None


def test_a_guard_lives_through_the_dark(issuer: RunningIssuer, guard: Guard) -> None:
    issuer.go_dark()

    cold = issuer.guard()
    try:
        assert reason_of(guard, issuer.token()) is None
        assert reason_of(cold, issuer.token()) == "keys_unavailable"
        issuer.come_back()
        assert eventually(lambda: reason_of(cold, issuer.token()) is None)
    finally:
        cold.close()


@pytest.mark.parametrize("fault", ["stall", "answer_rubbish"])
def test_a_fault_keeps_keys_away_until_it_is_over(fault: str, issuer: RunningIssuer) -> None:
    getattr(issuer, fault)()
    cold = issuer.guard()
    try:
        assert reason_of(cold, issuer.token()) == "keys_unavailable"
        issuer.come_back()
        assert eventually(lambda: reason_of(cold, issuer.token()) is None)
    finally:
        cold.close()


@pytest.mark.parametrize("seconds,reason", [(300, "issued_in_the_future"), (-900, "expired"), (20, None)])
def test_a_clock_that_is_off_is_seen(seconds: int, reason: str | None, issuer: RunningIssuer, guard: Guard) -> None:
    issuer.skew(seconds)

    assert reason_of(guard, issuer.token()) == reason


def test_what_needs_people_says_so_where_there_are_none() -> None:
    with start_issuer(RESOURCES, real=False) as issuer:
        with pytest.raises(NeedsAuthServer, match="sealwright-auth-server"):
            issuer.sign_in("alice")
        with pytest.raises(NeedsAuthServer):
            issuer.revoke(sub="alice")


def test_without_the_auth_server_it_falls_back_or_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(starting, "find_real", lambda: None)

    with start_issuer(RESOURCES) as issuer:
        assert not issuer.is_real
    with pytest.raises(NeedsAuthServer, match=r"sealwright\.test_issuer"):
        start_issuer(RESOURCES, real=True)


def test_an_issuer_for_nothing_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="resource"):
        start_issuer({})


# The real one alone.


@pytest.fixture(scope="module")
def real() -> Iterator[RunningIssuer]:
    with start_issuer(RESOURCES, real=True) as issuer:
        yield issuer


def test_a_person_signs_in_through_the_real_door(real: RunningIssuer) -> None:
    answer = real.sign_in("carol", roles={"clerk": ["orders:read"]}, scope="orders:read")

    guard = real.guard()
    who = guard.verify(answer["access_token"])
    guard.close()
    assert (answer["token_type"], answer["scope"]) == ("Bearer", "orders:read")
    assert who.is_person
    assert who.roles == {"clerk"}
    assert "POST /api/login" not in real.asked  # in process; what a program under test asks goes by the socket


def test_a_person_gets_further_roles_and_other_resources(real: RunningIssuer) -> None:
    """An API is shown the roles that carry a permission it has a word for."""
    real.sign_in("dora", roles=["reader"])

    roles = {"reader": ["billing:read"], "writer": ["billing:read"], "baker": ["bread"]}
    answer = real.sign_in("dora", roles=roles, resource="https://billing.example.com")

    guard = real.guard(audience="https://billing.example.com")
    assert guard.verify(answer["access_token"]).roles == {"reader", "writer"}
    guard.close()


def test_a_wrong_password_is_refused_by_the_real_door(real: RunningIssuer) -> None:
    real.sign_in("erin", "a-Gravel-otter-umbrella-2086")

    with pytest.raises(ValueError, match="invalid_credentials"):
        real.sign_in("erin", "another-Gravel-otter-umbrella-1")


@pytest.mark.parametrize("kind", ["sub", "client_id", "jti", "sid", "grant_id"])
def test_a_revoked_token_is_refused_within_seconds(kind: str, real: RunningIssuer) -> None:
    name = f"revoked-by-{kind}"
    guard = real.guard()
    try:
        token, other = real.token(**{kind: name}), real.token()
        assert reason_of(guard, token) is None

        real.revoke(**{kind: name})

        assert eventually(lambda: reason_of(guard, token) == "revoked")
        assert reason_of(guard, other) is None
    finally:
        guard.close()


def test_an_issuer_that_is_polled_ends_quietly(caplog: pytest.LogCaptureFixture) -> None:
    """A guard waits at the feed for news; when the issuer ends, nobody is left waiting and nothing is logged as a fault."""
    issuer = start_issuer(RESOURCES, real=True)
    guard = issuer.guard()
    assert reason_of(guard, issuer.token()) is None
    assert eventually(lambda: any("revocation-feed" in asked for asked in issuer.asked))

    issuer.close()

    guard.close()
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == []


def test_starting_costs_less_than_half_a_second_of_computing() -> None:
    """Computing time, not the clock on the wall: other processes of the machine are not counted. The best of three."""
    spent = []
    for _ in range(3):
        began = time.process_time()
        start_issuer(RESOURCES, real=True).close()
        spent.append(time.process_time() - began)

    assert min(spent) < 0.5
