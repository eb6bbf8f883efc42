"""A policy says what it asks, or is not made."""

from __future__ import annotations

import pytest

from tests.resource_server.support import a_policy


@pytest.mark.parametrize(
    "wrong",
    [
        {"issuer": ""},
        {"audiences": frozenset()},
        {"audiences": frozenset({""})},
        {"algorithms": frozenset()},
        {"algorithms": frozenset({"HS256"})},
        {"algorithms": frozenset({"RS256", "none"})},
        {"leeway": -1},
        {"leeway": 61},
        {"max_lifetime": 0},
        {"max_lifetime": 3601},
    ],
)
def test_a_policy_outside_its_bounds_is_an_error(wrong: dict) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        a_policy(**wrong)
