"""The real rotation, burning, keyring and store, and the kit's real cache and verifier, through whatever rules Hypothesis comes up with."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.properties.key_world.machine import Databases, lent, machine_on, sqlite_databases
from tests.support.clock import FakeClock
from tests.support.databases import PostgresCluster, SqliteTemplate


def hold(databases: Databases, *, part: int, runs: int) -> None:
    # Seeds that stay, so that what fails here fails again; `make drills` takes new ones.
    run_state_machine_as_test(
        seed(part)(machine_on(databases)),
        settings=settings(
            max_examples=runs, stateful_step_count=50, deadline=None, database=None, suppress_health_check=list(HealthCheck)
        ),
    )


# The whole test run is to end within five minutes on two cores: 80 runs here, 200 with FULL_SCALE=1, more in `make drills`.
PARTS = 5 if os.environ.get("FULL_SCALE") == "1" else 2


@pytest.mark.parametrize("part", range(PARTS))
def test_every_law_holds_on_sqlite(sqlite_template: SqliteTemplate, part: int) -> None:
    """In parts, for no test should take minutes on a busy machine."""
    hold(sqlite_databases(sqlite_template), part=part, runs=40)


@pytest.mark.postgres
def test_every_law_holds_on_postgresql(postgres_cluster: PostgresCluster) -> None:
    """Fewer runs: each database is a copy that PostgreSQL makes and drops. `make drills-full` runs as many as on SQLite."""
    hold(lambda: lent(postgres_cluster.database(FakeClock())), part=0, runs=10)
