"""R19: the machine of rules over the real rotation, keyring, store, cache and verifier, on SQLite and on PostgreSQL."""

from __future__ import annotations

import logging
import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.drills.site import CannotRun
from tests.drills.tally import Tally
from tests.properties.key_world.databases import KeyDatabase, on_postgres, on_sqlite
from tests.properties.key_world.machine import machine_on
from tests.support.databases import PostgresCluster, SqliteTemplate, find_postgres

RUNS, STEPS = 100, 50
RUNS_IN_FULL, STEPS_IN_FULL = 2_000, 200


def run(*, full: bool) -> Tally:
    """Carry the drill out."""
    binaries = find_postgres()
    if binaries is None:
        raise CannotRun("no PostgreSQL server binaries (initdb, pg_ctl) were found")
    logging.getLogger("auth_server").setLevel(logging.CRITICAL)
    tally = Tally("R19")
    folder = Path(tempfile.mkdtemp(prefix="drill-"))
    cluster = PostgresCluster(binaries)
    try:
        with on_sqlite(SqliteTemplate(folder)) as home:
            _hold(tally, "SQLite", home, full)
        with on_postgres(cluster) as home:
            _hold(tally, "PostgreSQL", home, full)
    finally:
        cluster.stop()
        shutil.rmtree(folder)
    return tally


def _hold(tally: Tally, kind: str, home: KeyDatabase, full: bool) -> None:
    runs, steps = (RUNS_IN_FULL, STEPS_IN_FULL) if full else (RUNS, STEPS)
    tally.offered += runs
    try:
        run_state_machine_as_test(
            machine_on(home),
            settings=settings(
                max_examples=runs,
                stateful_step_count=steps,
                deadline=None,
                suppress_health_check=list(HealthCheck),
                database=None,
            ),
        )
    except AssertionError as broken:
        tally.broken.append(f"{kind}: {broken}")
        return
    tally.served += runs
    tally.notes.append(f"{runs:,} runs of up to {steps} steps on {kind}")
