"""The table of claims."""

from __future__ import annotations

import json

import pytest

from resource_server.verifier import errors
from resource_server.verifier.claims import check_claims, read_scopes
from resource_server.verifier.strict_json import parse_object
from tests.resource_server.support import AUDIENCE, ISSUER, NOW, a_policy, claims


def check(now: int = NOW, policy=None, **members: object) -> None:
    check_claims(parse_object(json.dumps(claims(**members)).encode()), policy or a_policy(), now)


def test_good_claims_pass() -> None:
    check()


@pytest.mark.parametrize("name", ["iss", "sub", "aud", "exp", "iat", "jti", "client_id"])
def test_each_required_claim_is_missed(name: str) -> None:
    with pytest.raises(errors.MissingClaim, match="missing_claim") as refusal:
        check(**{name: ...})

    assert name in str(refusal.value.hint)


@pytest.mark.parametrize("name", ["sub", "jti", "client_id"])
@pytest.mark.parametrize("value", ["", 1, None, True, [], {}, ["a"]])
def test_names_are_strings_that_are_not_empty(name: str, value: object) -> None:
    with pytest.raises(errors.BadClaim):
        check(**{name: value})


@pytest.mark.parametrize("name", ["exp", "iat"])
@pytest.mark.parametrize("value", ["1", 1.0, True, None, [], {}, 1800000000.5])
def test_times_are_whole_numbers(name: str, value: object) -> None:
    with pytest.raises(errors.BadClaim):
        check(**{name: value})


@pytest.mark.parametrize("value", ["1", 1.5, True, None, []])
def test_not_before_is_a_whole_number(value: object) -> None:
    with pytest.raises(errors.BadClaim):
        check(nbf=value)


@pytest.mark.parametrize("value", [ISSUER + "/", ISSUER.upper(), ISSUER[:-1], "", 1, None, [ISSUER], {"iss": ISSUER}])
def test_the_issuer_is_compared_as_text(value: object) -> None:
    with pytest.raises(errors.WrongIssuer):
        check(iss=value)


@pytest.mark.parametrize("value", [AUDIENCE, [AUDIENCE], ["https://other.example", AUDIENCE]])
def test_the_audience_is_one_of_ours(value: object) -> None:
    check(aud=value)


@pytest.mark.parametrize("value", ["", "https://other.example", AUDIENCE[:-1], AUDIENCE + "x", [], [""], [AUDIENCE + "/"]])
def test_another_audience_is_refused(value: object) -> None:
    with pytest.raises(errors.WrongAudience):
        check(aud=value)


@pytest.mark.parametrize("value", [1, None, True, {AUDIENCE: 1}, [1], [AUDIENCE, 1], [[AUDIENCE]]])
def test_an_audience_of_another_form_is_refused(value: object) -> None:
    with pytest.raises(errors.BadClaim):
        check(aud=value)


def test_any_of_several_own_audiences_will_do() -> None:
    check(aud="https://two.example", policy=a_policy(audiences=frozenset({AUDIENCE, "https://two.example"})))


@pytest.mark.parametrize("late, passes", [(59, True), (60, False), (61, False)])
def test_a_token_ends_with_its_expiry_and_the_leeway(late: int, passes: bool) -> None:
    _passes_or(errors.Expired, passes, now=NOW + 600 + late)


@pytest.mark.parametrize("early, passes", [(60, True), (61, False)])
def test_a_token_begins_with_its_issue_and_the_leeway(early: int, passes: bool) -> None:
    _passes_or(errors.IssuedInTheFuture, passes, now=NOW - early)


@pytest.mark.parametrize("ahead, passes", [(60, True), (61, False)])
def test_not_before_is_kept_with_the_leeway(ahead: int, passes: bool) -> None:
    _passes_or(errors.NotYetValid, passes, nbf=NOW + ahead)


@pytest.mark.parametrize("lifetime, passes", [(3600, True), (3601, False), (1, True), (0, False), (-1, False)])
def test_a_lifetime_is_bounded(lifetime: int, passes: bool) -> None:
    _passes_or(errors.LifetimeTooLong, passes, exp=NOW + lifetime)


def _passes_or(refusal: type[errors.TokenRefused], passes: bool, **how) -> None:
    if passes:
        check(**how)
        return
    with pytest.raises(refusal):
        check(**how)


@pytest.mark.parametrize(
    "name, value",
    [
        ("scope", ["a"]),
        ("scope", None),
        ("auth_time", "1"),
        ("auth_time", True),
        ("acr", 1),
        ("amr", "pwd"),
        ("amr", [1]),
        ("sid", 1),
        ("grant_id", []),
        ("roles", "admin"),
        ("roles", ["admin", 1]),
        ("roles", [["admin"]]),
        ("roles", [{"value": "admin"}]),
        ("groups", {}),
        ("entitlements", [None]),
        ("act", "client"),
        ("act", ["client"]),
    ],
)
def test_optional_claims_have_their_form_when_they_are_there(name: str, value: object) -> None:
    with pytest.raises(errors.BadClaim):
        check(**{name: value})


def test_optional_claims_of_the_right_form_pass() -> None:
    check(
        auth_time=1, acr="1", amr=["pwd"], sid="s", grant_id="g", roles=[], groups=["a"], entitlements=["a:b"], act={"sub": "x"}
    )


@pytest.mark.parametrize("value", [{}, {"jkt": "x"}, {"x5t#S256": "x"}, {"unknown": 1}, None, "x"])
def test_a_bound_token_is_no_bearer_token(value: object) -> None:
    with pytest.raises(errors.BoundToken):
        check(cnf=value)


@pytest.mark.parametrize(
    "scope, expected",
    [
        ("", set()),
        ("a", {"a"}),
        ("a b a", {"a", "b"}),
        ("a  b", {"a", "b"}),
        (" a ", {"a"}),
        ("a\tb", set()),
        ("a\nb c", {"c"}),
        ('a"b c', {"c"}),
        ("a\\b", set()),
        ("a,b", {"a,b"}),
        ("é", set()),
    ],
)
def test_only_whole_and_well_formed_scopes_count(scope: str, expected: set[str]) -> None:
    assert read_scopes(scope) == expected
