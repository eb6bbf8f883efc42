"""Timings under which a valid token could be rejected do not start: which inequality it is, and what would be legal."""

from __future__ import annotations

import pytest

from auth_server.settings import load
from shared.settings import SettingsError

# The smallest and largest values that fit the defaults of everything else, one step beyond, and what is said then.
BOUNDS = [
    pytest.param("CLOCK_ERROR", "30", "30.1", ("at most 30 s", "L >= 2 ε"), id="L"),
    pytest.param(
        "KEY_PUBLISH_AHEAD", "600.1", "600", ("more than KEY_VIEW_LEASE + JWKS_MAX_AGE = 600 s", "N > W_pub + M"), id="N"
    ),
    pytest.param("KEY_RETIRE_AFTER", "780", "779", ("at least KEY_SIGN_LEASE", "= 780 s", "V >= W_sign + A + L + 2 ε"), id="V"),
    pytest.param("KEY_ROTATION_PERIOD", "86400", "86399", ("at least 86400 s", "T_rot >= max(N, V)"), id="T_rot"),
]


@pytest.mark.parametrize("name, legal, illegal, said", BOUNDS)
def test_a_timing_beyond_its_bound_does_not_start(name: str, legal: str, illegal: str, said: tuple[str, ...]) -> None:
    load({f"AUTH_SERVER_{name}": legal})

    with pytest.raises(SettingsError) as refusal:
        load({f"AUTH_SERVER_{name}": illegal})

    (fault,) = refusal.value.faults
    assert fault.startswith(f"AUTH_SERVER_{name} is {illegal} s and must be ")
    assert [words for words in said if words not in fault] == []


@pytest.mark.parametrize(
    "name, value, broken",
    [
        ("ACCESS_TOKEN_LIFETIME", "3600", "KEY_RETIRE_AFTER"),
        ("KEY_SIGN_LEASE", "3600", "KEY_RETIRE_AFTER"),
        ("KEY_VIEW_LEASE", "600", "KEY_PUBLISH_AHEAD"),
        ("JWKS_MAX_AGE", "600", "KEY_PUBLISH_AHEAD"),
    ],
)
def test_every_timing_has_a_part_in_its_sum(name: str, value: str, broken: str) -> None:
    tight = {"AUTH_SERVER_KEY_PUBLISH_AHEAD": "601", "AUTH_SERVER_KEY_RETIRE_AFTER": "780"}
    load(tight)

    with pytest.raises(SettingsError) as refusal:
        load({**tight, f"AUTH_SERVER_{name}": value})

    (fault,) = refusal.value.faults
    assert fault.startswith(f"AUTH_SERVER_{broken} is ")


def test_all_of_them_are_told_at_once() -> None:
    with pytest.raises(SettingsError) as refusal:
        load({"AUTH_SERVER_CLOCK_ERROR": "100", "AUTH_SERVER_KEY_PUBLISH_AHEAD": "1", "AUTH_SERVER_KEY_RETIRE_AFTER": "1"})

    assert len(refusal.value.faults) == 3
