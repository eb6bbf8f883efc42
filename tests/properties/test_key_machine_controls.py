"""The laws of `key_world` find out whoever takes a guard away: each control is the real code without one of them."""

from __future__ import annotations

import pytest

from tests.properties.key_world.controls import CONTROLS, Control
from tests.properties.key_world.databases import KeyDatabase

CONTROL = pytest.mark.parametrize("control", CONTROLS.values(), ids=CONTROLS.keys())


@CONTROL
def test_a_missing_guard_is_found_out(any_key_database: KeyDatabase, control: Control) -> None:
    with pytest.raises(AssertionError, match=f"^{control.law}:"):
        control.play(any_key_database, guarded=False)


@CONTROL
def test_with_its_guard_the_same_steps_keep_every_law(any_key_database: KeyDatabase, control: Control) -> None:
    control.play(any_key_database, guarded=True)


def test_every_law_is_broken_by_a_control() -> None:
    """K9 has no law of its own: a process that is stopped must keep the others."""
    assert {f"K{number}" for number in range(1, 12)} - {control.law for control in CONTROLS.values()} == {"K9"}
