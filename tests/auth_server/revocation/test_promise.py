"""What is promised to people is made of the configured numbers."""

from __future__ import annotations

from auth_server.revocation.promise import promise, spelt
from shared.key_policy import KeyPolicy


def test_the_sentence_holds_the_configured_numbers() -> None:
    assert str(promise(KeyPolicy())) == (
        "holds within 15 seconds at every connected API; at the latest when the token expires "
        "(11 minutes, its lifetime plus leeway) at one that is cut off"
    )
    assert "(95 seconds, its lifetime" in str(promise(KeyPolicy(access_token_lifetime=34.5, leeway=60)))
    assert promise(KeyPolicy()).to_json() == {"connected_seconds": 15, "cut_off_seconds": 660}


def test_durations_are_spelt_as_people_say_them() -> None:
    assert [spelt(n) for n in (1, 2, 60, 119, 120, 121, 3600)] == [
        "1 second",
        "2 seconds",
        "60 seconds",
        "119 seconds",
        "2 minutes",
        "121 seconds",
        "60 minutes",
    ]
