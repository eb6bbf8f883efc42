"""What a security event token may say, and what it ends."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resource_server.verifier.policy import Policy
from resource_server.verifier.revoked import Revoked
from resource_server.verifier.security_event import (
    CREDENTIAL_CHANGE,
    MAX_SET_BYTES,
    SESSION_REVOKED,
    VERIFICATION,
    SecurityEvent,
    SetByUnknownKey,
    SetRefused,
    verify_set,
)
from shared.revocation import RevocationEntry, RevocationKind
from tests.resource_server.support import AUDIENCE, ISSUER, NOW, RS256_ONLY, a_header, a_key_set, a_token, rs256, rsa_key

UNTIL = NOW + 5_000
ALICE = {"format": "iss_sub", "iss": ISSUER, "sub": "alice"}
SESSION = {"format": "complex", "user": ALICE, "session": {"format": "opaque", "id": "s1"}}
POLICY = Policy(issuer=ISSUER, audiences=frozenset({AUDIENCE}), algorithms=RS256_ONLY)
KEYS = a_key_set()


def set_claims(**members: object) -> dict[str, object]:
    """Good claims of a session that ended; a member that is `...` is left out."""
    good = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "iat": NOW,
        "jti": "set-1",
        "txn": "act-1",
        "sub_id": SESSION,
        "events": {SESSION_REVOKED: {"event_timestamp": NOW}},
    }
    return {name: value for name, value in {**good, **members}.items() if value is not ...}


def a_set(typ: object = "secevent+jwt", **members: object) -> bytes:
    return a_token(set_claims(**members), a_header(typ=typ))


def verified(compact: bytes, revoked: Revoked | None = None, policy: Policy = POLICY) -> SecurityEvent:
    return verify_set(compact, KEYS, revoked or Revoked(), policy, audiences=frozenset({AUDIENCE}), until=UNTIL)


def code_of(compact: bytes, **more: Any) -> str:
    with pytest.raises(SetRefused) as refused:
        verified(compact, **more)
    return refused.value.code


def test_a_session_that_ended_ends_that_session() -> None:
    assert verified(a_set()) == SecurityEvent("set-1", SESSION_REVOKED, RevocationEntry(RevocationKind.SID, "s1", UNTIL))


@pytest.mark.parametrize("uri", [SESSION_REVOKED, CREDENTIAL_CHANGE])
@pytest.mark.parametrize("about", [ALICE, {"format": "complex", "user": ALICE}])
def test_an_event_about_a_person_ends_what_they_got_until_then(uri: str, about: dict[str, object]) -> None:
    event = verified(a_set(sub_id=about, events={uri: {"event_timestamp": NOW - 7}}))

    assert event.ends == RevocationEntry(RevocationKind.SUBJECT, "alice", UNTIL, NOW - 7)


def test_a_changed_password_is_about_the_person_also_where_a_session_is_named() -> None:
    event = verified(a_set(events={CREDENTIAL_CHANGE: {}}))

    assert event.ends == RevocationEntry(RevocationKind.SUBJECT, "alice", UNTIL, NOW)


def test_an_event_that_is_not_ours_to_act_on_ends_nothing() -> None:
    stream = {"format": "opaque", "id": "stream"}

    assert verified(a_set(sub_id=stream, events={VERIFICATION: {"state": "x"}})) == SecurityEvent(
        "set-1", VERIFICATION, None, "x"
    )
    assert verified(a_set(events={"https://other.example/event": {}})).ends is None


def test_it_may_be_old() -> None:
    assert verified(a_set(iat=NOW - 10**7, events={SESSION_REVOKED: {}})).ends is not None


@pytest.mark.parametrize(
    "members, code",
    [
        ({"iss": "https://other.example"}, "invalid_issuer"),
        ({"iss": ...}, "invalid_issuer"),
        ({"aud": "https://other.example"}, "invalid_audience"),
        ({"aud": ["https://other.example", 1]}, "invalid_audience"),
        ({"aud": ...}, "invalid_audience"),
        ({"sub": "alice"}, "invalid_request"),
        ({"exp": NOW + 60}, "invalid_request"),
        ({"jti": ...}, "invalid_request"),
        ({"jti": ""}, "invalid_request"),
        ({"iat": ...}, "invalid_request"),
        ({"iat": True}, "invalid_request"),
        ({"events": ...}, "invalid_request"),
        ({"events": {}}, "invalid_request"),
        ({"events": {SESSION_REVOKED: {}, CREDENTIAL_CHANGE: {}}}, "invalid_request"),
        ({"events": {SESSION_REVOKED: 1}}, "invalid_request"),
        ({"events": {SESSION_REVOKED: {"event_timestamp": "now"}}}, "invalid_request"),
        ({"sub_id": ...}, "invalid_request"),
        ({"sub_id": {"format": "email", "email": "alice@example.com"}}, "invalid_request"),
        ({"sub_id": ALICE | {"iss": "https://other.example"}}, "invalid_request"),
        ({"sub_id": ALICE | {"sub": ""}}, "invalid_request"),
        ({"sub_id": {"format": "complex"}}, "invalid_request"),
        ({"sub_id": SESSION | {"session": {"format": "iss_sub", "id": "s1"}}}, "invalid_request"),
    ],
)
def test_what_is_wrong_is_refused_by_its_registered_code(members: dict[str, object], code: str) -> None:
    assert code_of(a_set(**members)) == code


@pytest.mark.parametrize("typ", ["at+jwt", "JWT", "logout+jwt", ..., 1])
def test_another_kind_of_token_is_none(typ: object) -> None:
    header = {name: value for name, value in a_header(typ=typ).items() if value is not ...}

    assert code_of(a_token(set_claims(), header)) == "invalid_request"


def test_both_spellings_of_the_type_are_taken() -> None:
    assert verified(a_set("application/secevent+jwt")).jti == "set-1"


def test_signatures_are_those_of_the_issuers_keys() -> None:
    header = a_header(typ="secevent+jwt")

    assert code_of(a_token(set_claims(), header, rs256(rsa_key("two")))) == "authentication_failed"
    with pytest.raises(SetByUnknownKey) as unknown:
        verified(a_token(set_claims(), {**header, "kid": "two"}, rs256(rsa_key("two"))))
    assert unknown.value.key_id == "two"
    assert code_of(a_set(), policy=replace(POLICY, algorithms=frozenset({"ES256"}))) == "invalid_key"


def test_a_burned_key_vouches_for_nothing() -> None:
    revoked = Revoked()
    revoked.add(RevocationEntry(RevocationKind.KID, "one", UNTIL))

    assert code_of(a_set(), revoked=revoked) == "invalid_key"


def test_it_has_a_bound() -> None:
    assert code_of(a_set(txn="x" * MAX_SET_BYTES)) == "invalid_request"


@given(
    st.dictionaries(
        st.sampled_from(["iss", "aud", "iat", "jti", "sub_id", "events", "sub", "exp"]),
        st.recursive(
            st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5) | st.just(SESSION_REVOKED),
            lambda inner: (
                st.lists(inner, max_size=2)
                | st.dictionaries(
                    st.sampled_from(["format", "user", "session", "sub", "iss", "id", SESSION_REVOKED]), inner, max_size=3
                )
            ),
            max_leaves=5,
        ),
        max_size=4,
    )
)
def test_whatever_is_signed_gives_an_event_or_a_refusal(members: dict[str, object]) -> None:
    try:
        event = verified(a_set(**members))
    except SetRefused:
        return
    assert event.ends is None or event.ends.key
