"""The database's time between two readings of it, on a machine whose own clock may say anything."""

from __future__ import annotations

import time
from dataclasses import dataclass

import pytest

from auth_server import clock as clock_module
from auth_server.clock import DatabaseClock

DATABASE_MS = 1_800_000_000_000


@dataclass
class Machine:
    """A machine's clocks: one is set by people and daemons, the others only run, of which the monotonic one stops in a suspension."""

    wall: float = 1_800_000_000.0
    running: float = 500.0
    asleep: float = 0.0

    def time(self) -> float:
        return self.wall

    def monotonic(self) -> float:
        return self.running - self.asleep

    def clock_gettime(self, which: int) -> float:
        assert which == time.CLOCK_BOOTTIME
        return self.running

    def sleeps(self, seconds: float) -> None:
        self.passes(seconds)
        self.asleep += seconds

    def passes(self, seconds: float) -> None:
        self.wall += seconds
        self.running += seconds


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    made = Machine()
    monkeypatch.setattr(clock_module, "time", made)
    return made


def followed(machine: Machine, database_ms: int = DATABASE_MS) -> DatabaseClock:
    clock = DatabaseClock()
    clock.follow(database_ms, machine.running, machine.running)
    return clock


def test_before_the_first_reading_it_is_the_machines_own_time(machine: Machine) -> None:
    assert DatabaseClock().now_ms() == round(machine.wall * 1000)


@pytest.mark.parametrize("step", [29, -29, 3600, -3600, 10 * 365 * 86_400, -10 * 365 * 86_400])
def test_a_step_of_the_wall_clock_moves_no_token_and_is_noticed(machine: Machine, step: float) -> None:
    """Tokens carry the database's time, so such a machine neither outlives a revocation nor mints what is refused."""
    clock = followed(machine)
    machine.passes(10)
    machine.wall += step

    assert clock.now_ms() == DATABASE_MS + 10_000
    assert clock.wall_clock_error() == pytest.approx(step)


def test_a_machine_whose_clock_was_always_wrong_is_noticed_at_the_first_reading(machine: Machine) -> None:
    clock = followed(machine, DATABASE_MS + 31_000)

    assert clock.wall_clock_error() == pytest.approx(-31)


def test_a_reading_is_of_the_middle_of_the_question(machine: Machine) -> None:
    clock = DatabaseClock()
    asked_at = machine.running
    machine.passes(4)

    clock.follow(DATABASE_MS, asked_at, machine.running)

    assert clock.now_ms() == DATABASE_MS + 2_000


def test_a_fail_over_to_a_database_with_another_clock_is_followed(machine: Machine) -> None:
    clock = followed(machine)

    clock.follow(DATABASE_MS - 5_000, machine.running, machine.running)

    assert clock.now() == (DATABASE_MS - 5_000) // 1000


@pytest.mark.skipif(not hasattr(time, "CLOCK_BOOTTIME"), reason="this system has no clock that goes on in a suspension")
def test_a_machine_that_was_suspended_knows_for_how_long(machine: Machine) -> None:
    """Its view of the keys is an hour old then, and neither signs nor is published; its tokens would say the right time."""
    clock = followed(machine)
    before = clock.monotonic()

    machine.sleeps(3_600)

    assert clock.monotonic() - before == 3_600
    assert clock.now_ms() == DATABASE_MS + 3_600_000
    assert clock.wall_clock_error() == pytest.approx(0)
