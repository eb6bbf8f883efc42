"""When a session is over, and when a use of it is worth a write."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth_server.sessions.rules import ACR_PASSWORD, acr_of, is_live, is_worth_touching
from auth_server.store.sessions import Session

NOW = 1_800_000_000_000
IDLE = 3_600_000


def a_session(*, idle: int = IDLE, absolute: int = 24 * IDLE, ended_at: int | None = None) -> Session:
    return Session("sid", "sub", NOW // 1000, ACR_PASSWORD, ("pwd",), NOW, NOW + idle, NOW + absolute, ended_at)


@pytest.mark.parametrize("after, live", [(0, True), (IDLE - 1, True), (IDLE, False), (IDLE + 1, False)])
def test_an_idle_session_is_over_from_the_millisecond_it_expires(after: int, live: bool) -> None:
    assert is_live(a_session(), NOW + after) is live


def test_a_used_session_is_over_at_its_absolute_end() -> None:
    assert not is_live(a_session(idle=IDLE, absolute=IDLE // 2), NOW + IDLE // 2)


def test_an_ended_session_is_over() -> None:
    assert not is_live(a_session(ended_at=NOW), NOW)


@pytest.mark.parametrize(
    "after, worth", [(0, False), (IDLE // 10 - 1, False), (IDLE // 10, True), (IDLE - 1, True), (IDLE, False)]
)
def test_a_use_is_written_when_it_gains_a_tenth_of_the_idle_lifetime(after: int, worth: bool) -> None:
    assert is_worth_touching(a_session(), NOW + after, IDLE) is worth


def test_near_its_absolute_end_a_session_is_not_touched_any_more() -> None:
    session = a_session(idle=IDLE, absolute=IDLE + 1)

    assert not is_worth_touching(session, NOW + IDLE - 1, IDLE)


times = st.integers(min_value=0, max_value=10 * IDLE)


@given(times, times, times, st.none() | times)
def test_what_is_over_stays_over(idle: int, absolute: int, later: int, ended: int | None) -> None:
    session = a_session(idle=idle, absolute=absolute, ended_at=ended)

    if not is_live(session, NOW):
        assert not is_live(session, NOW + later)


@given(times, times, times)
def test_nothing_over_is_worth_touching(idle: int, absolute: int, now: int) -> None:
    session = a_session(idle=idle, absolute=absolute)

    assert is_live(session, NOW + now) or not is_worth_touching(session, NOW + now, IDLE)


def test_a_password_has_an_authentication_context_class() -> None:
    """OpenID Connect Core section 2: an absolute URI."""
    assert acr_of(["pwd"]).startswith("urn:oasis:")


@pytest.mark.parametrize("amr", [[], ["otp"], ["pwd", "something"]])
def test_what_nobody_rated_has_none(amr: list[str]) -> None:
    with pytest.raises(ValueError, match="no authentication context class"):
        acr_of(amr)
