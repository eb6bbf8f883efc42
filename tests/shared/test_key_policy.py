"""The timings of the keys: what is stated, what is read, and which inequalities hold."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.key_policy import KeyPolicy

MONTH = 30 * 86_400
DURATIONS = st.floats(0, 1e9, allow_nan=False)
POLICIES = st.builds(KeyPolicy, **dict.fromkeys(KeyPolicy.__dataclass_fields__, DURATIONS))


@given(POLICIES)
def test_what_is_stated_is_read_again(policy: KeyPolicy) -> None:
    assert KeyPolicy.from_metadata(policy.to_metadata()) == policy


def test_whole_seconds_are_written_as_whole_numbers() -> None:
    assert all(isinstance(value, int) for value in KeyPolicy().to_metadata().values())


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda s: st.dictionaries(st.text(), s)))
def test_a_document_of_another_product_is_no_policy(member: object) -> None:
    assert KeyPolicy.from_metadata(member) is None


@pytest.mark.parametrize("value", [True, "600", None, -1, float("nan"), float("inf"), 1e10, [600]])
def test_a_member_that_is_no_duration_spoils_the_policy(value: object) -> None:
    document: dict[str, object] = {**KeyPolicy().to_metadata(), "leeway": value}

    assert KeyPolicy.from_metadata(document) is None


def test_the_defaults_fit() -> None:
    assert KeyPolicy().issuer_faults(MONTH) == []


@pytest.mark.parametrize(
    "fitting, breaking",
    [
        pytest.param({"clock_error": 30}, {"clock_error": 30.001}, id="L >= 2 eps"),
        pytest.param({"publish_ahead": 600.001}, {"publish_ahead": 600}, id="N > W_pub + P"),
        pytest.param({"retire_after": 780}, {"retire_after": 779.999}, id="V >= W_sign + A + L + 2 eps"),
        pytest.param({"publish_ahead": MONTH}, {"publish_ahead": MONTH + 1}, id="T_rot >= N"),
        pytest.param({"retire_after": MONTH}, {"retire_after": MONTH + 1}, id="T_rot >= V"),
    ],
)
def test_each_bound_of_the_issuer_is_exact(fitting: dict[str, float], breaking: dict[str, float]) -> None:
    assert replace(KeyPolicy(), **fitting).issuer_faults(MONTH) == []
    assert len(replace(KeyPolicy(), **breaking).issuer_faults(MONTH)) == 1
