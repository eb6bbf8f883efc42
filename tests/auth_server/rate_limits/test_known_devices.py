"""The mark of a known device: whose it is, how long it lasts, and that nobody can make one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from auth_server.rate_limits.known_devices import KNOWN_FOR_SECONDS, KnownDevices

NOW = 1_800_000_000
DEVICES = KnownDevices(b"k" * 32)


def test_a_device_is_known_to_the_account_it_was_marked_for_and_to_no_other() -> None:
    cookie = DEVICES.remember(None, "alice", NOW)

    assert DEVICES.recognise(cookie, "alice", NOW) is not None
    assert DEVICES.recognise(cookie, "bob", NOW) is None


def test_a_mark_under_another_key_is_none() -> None:
    cookie = KnownDevices(b"x" * 32).remember(None, "alice", NOW)

    assert DEVICES.recognise(cookie, "alice", NOW) is None


def test_a_mark_ends_after_half_a_year_and_is_renewed_by_signing_in() -> None:
    cookie = DEVICES.remember(None, "alice", NOW)
    later = NOW + KNOWN_FOR_SECONDS - 1
    renewed = DEVICES.remember(cookie, "alice", later)

    assert DEVICES.recognise(cookie, "alice", later + 1) is None
    assert DEVICES.recognise(renewed, "alice", later + 1) == DEVICES.recognise(cookie, "alice", later)


def test_people_who_share_a_browser_are_all_known() -> None:
    cookie = None
    for name in ("alice", "bob", "carol", "dora", "erin"):
        cookie = DEVICES.remember(cookie, name, NOW)

    known = [name for name in ("alice", "bob", "carol", "dora", "erin") if DEVICES.recognise(cookie, name, NOW)]
    assert known == ["bob", "carol", "dora", "erin"]


def test_the_mark_does_not_name_the_account() -> None:
    assert DEVICES.remember(None, "alice", NOW) != DEVICES.remember(None, "alice", NOW)


@given(st.text(max_size=600) | st.binary(max_size=300).map(lambda raw: raw.decode("latin-1")))
def test_nothing_that_was_not_given_out_is_a_mark(cookie: str) -> None:
    assert DEVICES.recognise(cookie, "alice", NOW) is None
    assert DEVICES.recognise(DEVICES.remember(cookie, "alice", NOW), "alice", NOW) is not None


@given(st.integers(min_value=0), st.characters(codec="ascii"))
def test_a_changed_mark_is_none(position: int, character: str) -> None:
    cookie = DEVICES.remember(None, "alice", NOW)
    at = position % len(cookie)
    changed = cookie[:at] + character + cookie[at + 1 :]

    assert changed == cookie or DEVICES.recognise(changed, "alice", NOW) is None


@given(st.text())
def test_any_typed_name_can_be_asked_about(name: str) -> None:
    assert DEVICES.recognise(DEVICES.remember(None, "alice", NOW), name + "?", NOW) is None
