"""The claims of an assertion, as laws."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from auth_server.protocol.assertion import LEEWAY_SECONDS, MOST_SECONDS, Expected, fault, used

NOW = 1_800_000_000
EXPECTED = Expected("https://a.example", "a", "https://issuer.example")
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


def _right(**changes: Any) -> dict[str, Any]:
    right = {"iss": "https://a.example", "sub": "a", "aud": "https://issuer.example", "exp": NOW + 60, "iat": NOW, "jti": "x"}
    return right | changes


@given(st.dictionaries(st.sampled_from(["iss", "sub", "aud", "exp", "iat", "nbf", "jti"]), json_values))
def test_whatever_is_claimed_is_judged_and_only_the_right_thing_passes(changes: dict[str, Any]) -> None:
    claims = _right(**changes)

    if fault(claims, EXPECTED, NOW) is None:
        assert (claims["iss"], claims["sub"]) == ("https://a.example", "a")
        assert claims["aud"] in ("https://issuer.example", ["https://issuer.example"])
        assert NOW - LEEWAY_SECONDS <= claims["exp"] <= NOW + MOST_SECONDS + LEEWAY_SECONDS + 1
        assert isinstance(claims["jti"], str)


@given(st.integers(NOW - 10_000, NOW + 10_000), st.integers(NOW - 10_000, NOW + 10_000))
def test_a_used_assertion_is_remembered_as_long_as_it_could_be_believed(expires_at: int, later: int) -> None:
    claims = _right(exp=expires_at, iat=later)

    if fault(claims, EXPECTED, later) is None:
        assert later < used(claims).until + 1


@given(
    st.text(min_size=1, max_size=9),
    st.text(min_size=1, max_size=9),
    st.text(min_size=1, max_size=9),
    st.text(min_size=1, max_size=9),
)
def test_two_assertions_are_one_only_when_issuer_and_jti_are(issuer: str, jti: str, other: str, another: str) -> None:
    same = used(_right(iss=issuer, jti=jti)).digest == used(_right(iss=other, jti=another)).digest

    if "\0" not in issuer + jti + other + another:
        assert same == ((issuer, jti) == (other, another))
