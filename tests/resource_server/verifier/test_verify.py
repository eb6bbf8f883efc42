"""From bytes to a verified token."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resource_server.verifier import errors
from resource_server.verifier.errors import TokenRefused
from resource_server.verifier.profile import GENERIC
from resource_server.verifier.token import VerifiedToken
from resource_server.verifier.verify import find_key_id, verify
from tests.resource_server.calls import counted_calls
from tests.resource_server.support import (
    NOW,
    a_header,
    a_key_set,
    a_policy,
    a_token,
    claims,
    ec_jwk,
    ed_jwk,
    eddsa,
    es256,
    ps256,
    rs256,
    rsa_jwk,
    rsa_key,
    segment,
)

EVERY = frozenset({"RS256", "PS256", "ES256", "Ed25519"})
KEYS = a_key_set()
POLICY = a_policy()
GOOD = a_token()


def test_a_good_token_is_what_it_says() -> None:
    compact = a_token(claims(scope="a b", roles=["r"], groups=["g"], entitlements=["e"], nbf=NOW + 10, act={"sub": "x"}))

    token = verify(compact, KEYS, POLICY, NOW)

    assert token.claims == claims(scope="a b", roles=("r",), groups=("g",), entitlements=("e",), nbf=NOW + 10, act={"sub": "x"})
    assert (token.subject, token.client_id, token.key_id) == ("alice", "app", "one")
    assert (token.scopes, token.roles, token.groups, token.entitlements) == ({"a", "b"}, {"r"}, {"g"}, {"e"})
    assert (token.valid_from, token.expires_at, token.is_person) == (NOW + 10, NOW + 600, True)


def test_absent_lists_are_empty_and_a_clients_own_token_is_no_persons() -> None:
    token = verify(a_token(claims(scope=..., sub="app")), KEYS, POLICY, NOW)

    assert (token.scopes, token.roles, token.is_person, token.valid_from) == (set(), set(), False, NOW)


@pytest.mark.parametrize(
    "algorithm, jwk, sign",
    [
        ("RS256", rsa_jwk("one"), rs256()),
        ("PS256", rsa_jwk("one", alg="PS256"), ps256),
        ("ES256", ec_jwk("one"), es256),
        ("Ed25519", ed_jwk("one"), eddsa),
    ],
)
def test_every_algorithm_verifies(algorithm: str, jwk: dict, sign: Callable[[bytes], bytes]) -> None:
    key_set = a_key_set(jwk, algorithms=EVERY)
    compact = a_token(header=a_header(alg=algorithm), sign=sign)

    assert verify(compact, key_set, a_policy(algorithms=EVERY), NOW).subject == "alice"
    assert verify(compact, key_set, a_policy(algorithms=EVERY), NOW).subject == "alice"


def test_a_remembered_header_does_not_get_around_the_allow_list() -> None:
    key_set = a_key_set(rsa_jwk("one", alg="PS256"), algorithms=EVERY)
    compact = a_token(header=a_header(alg="PS256"), sign=ps256)
    assert verify(compact, key_set, a_policy(algorithms=EVERY), NOW)

    with pytest.raises(errors.AlgorithmNotAllowed):
        verify(compact, key_set, POLICY, NOW)


def test_a_header_that_one_profile_took_is_not_taken_by_another_on_the_same_keys() -> None:
    key_set = a_key_set()
    compact = a_token(claims(scp="a"), header=a_header(typ="JWT"))
    assert verify(compact, key_set, a_policy(profile=GENERIC), NOW)
    assert key_set.accepted_headers

    with pytest.raises(errors.WrongType):
        verify(compact, key_set, POLICY, NOW)
    assert verify(compact, key_set, a_policy(profile=GENERIC), NOW)


def test_a_header_is_remembered_only_after_its_signature_was_good() -> None:
    key_set = a_key_set()
    with pytest.raises(errors.BadSignature):
        verify(a_token(sign=rs256(rsa_key("two"))), key_set, POLICY, NOW)
    assert key_set.accepted_headers == {}

    verify(GOOD, key_set, POLICY, NOW)

    assert list(key_set.accepted_headers) == [GOOD.split(b".")[0]]


def test_the_payload_is_not_opened_before_the_signature_is_good() -> None:
    with pytest.raises(errors.BadSignature):
        verify(a_token(b"\xff not JSON", sign=rs256(rsa_key("two"))), KEYS, POLICY, NOW)
    with pytest.raises(errors.MalformedToken):
        verify(a_token(b"\xff not JSON"), KEYS, POLICY, NOW)


def test_nobody_else_makes_a_verified_token() -> None:
    with pytest.raises(TypeError):
        VerifiedToken()
    with pytest.raises(TypeError):
        dataclasses.replace(verify(GOOD, KEYS, POLICY, NOW), key_id="x")
    with pytest.raises(dataclasses.FrozenInstanceError):
        verify(GOOD, KEYS, POLICY, NOW).key_id = "x"  # type: ignore[misc]


def test_the_key_id_is_told_without_verifying_and_only_of_acceptable_headers() -> None:
    assert find_key_id(a_token(header=a_header(kid="other")), POLICY) == "other"
    with pytest.raises(errors.AlgorithmNotAllowed):
        find_key_id(a_token(header=a_header(alg="ES256")), POLICY)


def test_one_verification_takes_at_most_60_counted_calls() -> None:
    """A count, not a time: it is the same on every machine, and grows when somebody puts a generator over every character."""
    key_set = a_key_set()
    verify(GOOD, key_set, POLICY, NOW)
    another = a_token(claims(jti="token-2", roles=["a"], entitlements=["a", "b"], amr=["pwd"], auth_time=NOW, acr="1", sid="s"))

    assert counted_calls(lambda: verify(another, key_set, POLICY, NOW)) <= 60


def test_a_thousand_keys_cost_no_more_calls_than_one() -> None:
    public = rsa_jwk("other", rsa_key("two"))
    many = a_key_set(rsa_jwk(), *({**public, "kid": f"other-{i}"} for i in range(999)))
    one = a_key_set()
    for key_set in (one, many):
        verify(GOOD, key_set, POLICY, NOW)

    assert counted_calls(lambda: verify(GOOD, many, POLICY, NOW)) == counted_calls(lambda: verify(GOOD, one, POLICY, NOW))


# Laws.


def is_token_or_refusal(compact: bytes, now: int = NOW) -> bool:
    """Return whether a token came out; anything but a token or a TokenRefused fails the test by itself."""
    try:
        return isinstance(verify(compact, KEYS, POLICY, now), VerifiedToken)
    except TokenRefused:
        return False


@given(st.binary(max_size=10_000))
def test_any_bytes_are_refused(compact: bytes) -> None:
    assert not is_token_or_refusal(compact)


@given(st.lists(st.binary(max_size=300), max_size=5))
def test_any_parts_are_refused(parts: list[bytes]) -> None:
    assert not is_token_or_refusal(b".".join(segment(part) for part in parts))


@given(st.integers(0, len(GOOD) - 1), st.integers(0, 255))
def test_any_changed_byte_of_a_good_token_is_refused(position: int, byte: int) -> None:
    changed = GOOD[:position] + bytes([byte]) + GOOD[position + 1 :]

    assert is_token_or_refusal(changed) is (changed == GOOD)


@given(st.integers(0, len(GOOD)), st.integers(0, len(GOOD)), st.binary(max_size=4))
def test_any_cut_or_insertion_is_refused(start: int, end: int, inserted: bytes) -> None:
    changed = GOOD[: min(start, end)] + inserted + GOOD[max(start, end) :]

    assert is_token_or_refusal(changed) is (changed == GOOD)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from(["iss", "sub", "aud", "exp", "iat", "nbf", "jti", "client_id", "scope", "roles", "cnf", "act", "acr"])


@settings(max_examples=60)
@given(st.dictionaries(NAMES | st.text(max_size=8), JSON, max_size=4))
def test_validly_signed_claims_of_any_form_give_a_token_or_a_refusal(members: dict[str, object]) -> None:
    is_token_or_refusal(a_token({**claims(), **members}))


@settings(max_examples=60)
@given(JSON | st.binary(max_size=60))
def test_validly_signed_payloads_of_any_form_are_refused(payload: object) -> None:
    assert not is_token_or_refusal(a_token(payload))


@settings(max_examples=60)
@given(st.dictionaries(st.sampled_from(["alg", "typ", "kid", "crit", "jku", "b64"]) | st.text(max_size=8), JSON, max_size=4))
def test_headers_of_any_form_give_a_token_or_a_refusal(members: dict[str, object]) -> None:
    is_token_or_refusal(a_token(header={**a_header(), **members}))


@given(st.integers(-(2**60), 2**60))
def test_at_any_time_a_token_is_good_only_within_its_own(now: int) -> None:
    assert is_token_or_refusal(GOOD, now) is (NOW - 60 <= now < NOW + 660)
