"""The report on a token: the verdict is the verifier's, each check is told, each common mistake has its name."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resource_server.diagnosis.explain import ROWS, explain
from resource_server.diagnosis.report import Report, State, Verdict
from resource_server.verifier.errors import (
    InsufficientScope,
    InsufficientUserAuthentication,
    KeysUnavailable,
    MissingPermission,
    MissingRole,
    PersonRequired,
    RevocationsUnknown,
    RevokedToken,
    TokenRefused,
    Undecryptable,
)
from resource_server.verifier.profile import PROFILES
from resource_server.verifier.verify import verify
from tests.resource_server.support import (
    AUDIENCE,
    ISSUER,
    NOW,
    a_header,
    a_key_set,
    a_policy,
    a_token,
    claims,
    rs256,
    rsa_jwk,
    rsa_key,
    segment,
)

KEYS = a_key_set()
POLICY = a_policy()


def report_on(token: bytes | str, **policy: Any) -> Report:
    asked = replace(POLICY, **policy)
    text = token if isinstance(token, str) else token.decode()
    return explain(text, lambda compact: verify(compact.encode(), KEYS, asked, NOW), asked, NOW)


def states(report: Report) -> dict[str, State]:
    return {check.name: check.state for check in report.checks}


def names_of(report: Report) -> list[str]:
    return [mistake.name for mistake in report.mistakes]


def test_a_good_token_passes_every_check() -> None:
    report = report_on(a_token())

    assert report.verdict is Verdict.GOOD
    assert set(states(report).values()) == {State.PASSED}
    assert report.mistakes == ()


def test_what_refuses_is_told_with_got_expected_setting_and_what_to_do() -> None:
    report = report_on(a_token(claims(aud="https://billing.example.com")))

    check = next(check for check in report.checks if check.name == "audience")
    assert (report.verdict, report.reason, report.status) == (Verdict.REFUSED, "wrong_audience", 401)
    assert (check.state, check.got, check.expected) == (State.FAILED, "https://billing.example.com", AUDIENCE)
    assert check.setting == "RESOURCE_SERVER_AUDIENCE"
    assert f"resource={AUDIENCE}" in str(check.todo)
    assert states(report)["signature"] is State.PASSED
    assert states(report)["expiry"] is State.PASSED


def test_all_that_is_wrong_is_told_at_once() -> None:
    """Whoever mends the issuer should not come back for the audience, and then for the clock."""
    token = a_token(claims(iss="http://localhost:8000", aud="account", exp=NOW - 5000, iat=NOW - 9000))

    report = report_on(token)

    failed = [check.name for check in report.checks if check.state is State.FAILED]
    assert report.reason == "wrong_issuer"
    assert failed == ["issuer", "audience", "expiry", "lifetime"]


def test_what_nobody_vouches_for_is_said_to_be_so() -> None:
    report = report_on(a_token(header=a_header(kid="other"), sign=rs256(rsa_key("other"))))

    issuer = next(check for check in report.checks if check.name == "issuer")
    assert states(report)["key"] is State.FAILED
    assert states(report)["signature"] is State.NOT_REACHED
    assert issuer.detail == "as the token says"
    assert "nobody vouches" in str(report.note)
    assert report_on(a_token()).note is None


@pytest.mark.parametrize("members", [{"aud": "https://billing.example.com"}, {"exp": NOW - 100, "iat": NOW - 700}, {"cnf": {}}])
def test_what_was_not_asked_has_not_passed(members: dict[str, object]) -> None:
    """The feed is asked last, and only about a token that is good: a mark of its own would be a lie."""
    report = report_on(a_token(claims(**members)))

    assert states(report)["revocation"] is State.NOT_REACHED
    assert states(report)["permission"] is State.NOT_REACHED


def an_id_token(**members: object) -> bytes:
    payload = claims(aud="app", client_id=..., scope=..., jti=..., nonce="n", **members)
    return a_token(payload, a_header(typ="JWT"))


MISTAKES: dict[str, bytes] = {
    "wrong_audience": a_token(claims(aud="https://billing.example.com")),
    "local_for_public_name": a_token(claims(iss="http://localhost:8000")),
    "trailing_slash": a_token(claims(iss=f"{ISSUER}/")),
    "http_for_https": a_token(claims(iss=ISSUER.replace("https", "http"))),
    "clock_differs": a_token(claims(iat=NOW + 300, exp=NOW + 900)),
    "times_in_milliseconds": a_token(claims(iat=NOW * 1000, exp=NOW * 1000 + 600)),
    "key_of_another_environment": a_token(header=a_header(kid="other"), sign=rs256(rsa_key("other"))),
    "key_of_another_issuer": a_token(claims(iss="https://x.example"), a_header(kid="other"), rs256(rsa_key("other"))),
    "id_token_as_access_token": an_id_token(),
    "expired": a_token(claims(exp=NOW - 100, iat=NOW - 700)),
    "issuer_of_another_environment": a_token(claims(iss="https://staging.example.org")),
    "audience_is_the_client": a_token(claims(aud="app")),
    "audience_is_the_issuer": a_token(claims(aud=ISSUER)),
    "unmarked_access_token": a_token(header=a_header(typ="JWT")),
    "another_kind_of_token": a_token(header=a_header(typ="logout+jwt")),
    "not_rfc_9068": a_token(claims(jti=...)),
    "forged_algorithm": a_token(header=a_header(alg="HS256")),
    "algorithm_not_set": a_token(header=a_header(alg="ES256")),
    "changed_token": a_token(sign=rs256(rsa_key("other"))),
    "long_lived_token": a_token(claims(exp=NOW + 9000)),
    "bound_token": a_token(claims(cnf={"jkt": "x"})),
    "malformed_token": a_token() + b"=",
    "token_too_large": a_token(claims(x="x" * 9000)),
    "forbidden_header": a_token(header=a_header(jku="https://evil.example/keys")),
    "bad_claim": a_token(claims(roles="admin")),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_common_mistake_has_its_name(name: str) -> None:
    report = report_on(MISTAKES[name])

    assert report.verdict is Verdict.REFUSED
    assert name in names_of(report)


def test_localhost_for_a_container_name_is_known() -> None:
    report = report_on(a_token(claims(iss="http://localhost:8000")), issuer="http://auth_server:8000")

    assert names_of(report) == ["localhost_for_container_name"]


@pytest.mark.parametrize("name", MISTAKES)
def test_every_check_that_failed_says_what_to_do(name: str) -> None:
    failed = [check for check in report_on(MISTAKES[name]).checks if check.state is State.FAILED]

    assert failed
    assert [check.name for check in failed if not check.todo] == []


BEYOND = [
    InsufficientScope(["notes:write"], "has 'notes:read'"),
    MissingRole(),
    MissingPermission(),
    PersonRequired(),
    InsufficientUserAuthentication(),
    RevokedToken(),
    RevocationsUnknown(),
    Undecryptable(),
]


@pytest.mark.parametrize("refusal", BEYOND, ids=lambda refusal: refusal.reason)
def test_what_a_guard_refuses_beyond_the_claims_says_what_to_do(refusal: TokenRefused) -> None:
    def refuse(_token: str) -> None:
        raise refusal

    report = explain(a_token().decode(), refuse, POLICY, NOW)

    (check,) = (check for check in report.checks if check.state is State.FAILED)
    assert check.todo
    assert check.todo in [mistake.todo for mistake in report.mistakes]


def test_what_was_pasted_says_what_to_do_about_its_form() -> None:
    report = report_on("a.b.c.d.e")

    form = next(check for check in report.checks if check.name == "form")
    assert names_of(report) == ["encrypted_token"]
    assert "RESOURCE_SERVER_ENCRYPTED_TOKENS" in str(form.todo)


def test_an_encrypted_token_that_opens_is_no_mistake() -> None:
    report = explain("a.b.c.d.e", lambda _token: None, POLICY, NOW)

    assert (report.summary, names_of(report)) == ("accepted", [])


def test_what_is_inside_an_encrypted_token_is_what_is_explained() -> None:
    inside = MISTAKES["trailing_slash"].decode()

    report = explain(
        "a.b.c.d.e", lambda _token: verify(inside.encode(), KEYS, POLICY, NOW), POLICY, NOW, open_nested=lambda _: inside
    )

    assert names_of(report) == ["trailing_slash"]
    assert next(check.got for check in report.checks if check.name == "algorithm") == "'RS256'"


def test_an_encrypted_token_of_another_key_is_no_unknown_thing() -> None:
    def cannot_open(_token: str) -> str:
        raise Undecryptable("another key")

    report = explain("a.b.c.d.e", lambda _token: None, POLICY, NOW, open_nested=cannot_open)

    assert (report.reason, names_of(report)) == ("undecryptable", ["undecryptable"])


def test_a_wrong_name_of_the_issuer_comes_before_its_keys_that_are_not_here() -> None:
    def no_keys(_token: str) -> None:
        raise KeysUnavailable("no usable key set")

    report = explain(MISTAKES["trailing_slash"].decode(), no_keys, POLICY, NOW)

    assert names_of(report) == ["trailing_slash", "issuer_unreachable"]


def test_a_name_is_given_only_where_it_fits() -> None:
    assert names_of(report_on(MISTAKES["trailing_slash"])) == ["trailing_slash"]
    assert names_of(report_on(MISTAKES["audience_is_the_issuer"])) == ["audience_is_the_issuer", "wrong_audience"]
    assert names_of(report_on(MISTAKES["forged_algorithm"])) == ["forged_algorithm"]
    assert "id_token_as_access_token" not in names_of(report_on(MISTAKES["unmarked_access_token"]))
    assert "key_of_another_environment" not in names_of(report_on(MISTAKES["key_of_another_issuer"]))


def test_a_burned_key_has_its_name() -> None:
    burned = a_key_set(rsa_jwk("two"), rsa_jwk(), revoked=["one"])

    report = explain(a_token().decode(), lambda t: verify(t.encode(), burned, POLICY, NOW), POLICY, NOW)

    assert names_of(report) == ["burned_key"]


def test_without_keys_nothing_is_decided() -> None:
    def no_keys(_token: str) -> None:
        raise KeysUnavailable("no usable key set")

    report = explain(a_token().decode(), no_keys, POLICY, NOW)

    assert report.verdict is Verdict.UNDECIDED
    assert names_of(report) == ["issuer_unreachable"]
    assert states(report)["issuer_keys"] is State.FAILED


def test_what_a_route_asks_beyond_the_token_is_a_check_too() -> None:
    def no_scope(_token: str) -> None:
        raise InsufficientScope(["notes:write"], "has 'notes:read'")

    report = explain(a_token().decode(), no_scope, POLICY, NOW)

    assert states(report)["permission"] is State.FAILED
    assert [check.name for check in report.checks if check.state is State.FAILED] == ["permission"]


def test_a_profile_is_explained_by_what_it_takes() -> None:
    keycloak = PROFILES["keycloak"]
    token = a_token(claims(client_id=..., azp="app", typ="Bearer", jti="j"), a_header(typ="JWT"))

    good, wrong = (
        report_on(token, profile=keycloak),
        report_on(a_token(claims(typ="ID", azp="app"), a_header(typ="JWT")), profile=keycloak),
    )

    assert good.verdict is Verdict.GOOD, good
    assert wrong.verdict is Verdict.REFUSED
    assert "'jwt'" in str(
        next(
            check.expected
            for check in report_on(a_token(header=a_header(typ="x")), profile=keycloak).checks
            if check.name == "type"
        )
    )


def test_every_reason_has_one_row() -> None:
    """A reason without a row would still be told, at the end; so that it is told in its place, each has one."""
    listed = [reason for row in ROWS for reason in row.reasons]

    assert len(listed) == len(set(listed))


SIGNATURES = [part.rpartition(b".")[2].decode() for part in MISTAKES.values()]


@pytest.mark.parametrize("name", MISTAKES)
def test_neither_token_nor_signature_is_ever_in_a_report(name: str) -> None:
    token = MISTAKES[name].decode()
    report = json.dumps(report_on(token).as_json())

    assert all(part not in report for part in token.split("."))


@settings(max_examples=150)
@given(st.binary(max_size=300).map(lambda raw: raw.decode("latin-1")) | st.text(max_size=300))
def test_any_text_gets_a_report(text: str) -> None:
    report = explain(text, lambda t: verify(t.encode("utf-8", "replace"), KEYS, POLICY, NOW), POLICY, NOW)

    assert report.verdict is Verdict.REFUSED


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
CLAIM_NAMES = ["iss", "aud", "exp", "iat", "nbf", "sub", "jti", "client_id", "scope", "cnf", "typ", "alg", "kid", "azp"]


@settings(max_examples=200)
@given(st.dictionaries(st.sampled_from(CLAIM_NAMES), JSON), st.dictionaries(st.sampled_from(CLAIM_NAMES), JSON))
def test_any_claims_get_a_report(header: dict[str, Any], payload: dict[str, Any]) -> None:
    """The claims are written by whoever made the token, and none of them may end the command."""
    signing_input = segment({**a_header(), **header}) + b"." + segment({**claims(), **payload})
    token = signing_input + b"." + segment(rs256()(signing_input))

    assert report_on(token).as_json()["checks"]
