"""What a device hears, by the state of its code."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from auth_server.protocol.polling import Poll, judge

states = st.fixed_dictionaries(
    {
        "approved": st.sampled_from([None, True, False]),
        "spent_at": st.none() | st.integers(0, 100),
        "expires_at": st.integers(0, 100),
        "polled_at": st.none() | st.integers(0, 100),
        "interval_ms": st.integers(0, 50),
        "now_ms": st.integers(0, 100),
    }
)


@given(states)
def test_only_a_living_approved_unspent_code_is_redeemed(state: dict[str, Any]) -> None:
    is_good = state["approved"] is True and state["spent_at"] is None and state["now_ms"] < state["expires_at"]

    assert (judge(**state) is Poll.REDEEM) == is_good


@given(states)
def test_a_device_that_keeps_its_interval_is_never_slowed(state: dict[str, Any]) -> None:
    state["polled_at"] = state["now_ms"] - state["interval_ms"]

    assert judge(**state) is not Poll.SLOW_DOWN


@given(states)
def test_a_decision_is_told_however_fast_the_device_polls(state: dict[str, Any]) -> None:
    if judge(**state) is Poll.SLOW_DOWN:
        assert state["approved"] is None
        assert state["spent_at"] is None
