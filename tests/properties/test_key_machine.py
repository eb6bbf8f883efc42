"""The real rotation, burning, restoring, keyring and store, and the kit's real cache and verifier, through whatever Hypothesis finds.

200 runs of 50 steps on each database, in parts, for no test should take minutes on a busy machine. The seeds stay, so that what fails
here fails again; `make drills` takes new ones.
"""

from __future__ import annotations

from typing import Final

import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.properties.key_world.databases import KeyDatabase
from tests.properties.key_world.machine import machine_on

PARTS: Final = 4
_HOLDS: Final = settings(
    max_examples=50, stateful_step_count=50, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)


@pytest.mark.parametrize("part", range(PARTS))
def test_every_law_holds(any_key_database: KeyDatabase, part: int) -> None:
    run_state_machine_as_test(seed(part)(machine_on(any_key_database)), settings=_HOLDS)
