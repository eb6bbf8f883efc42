"""Jobs run again and again; none of them can end another."""

from __future__ import annotations

import asyncio
import logging

import pytest

from auth_server.jobs.contract import Job
from auth_server.jobs.runner import JobRunner, describe
from auth_server.protocol.errors import StoreUnavailable


class CountingJob(Job):
    name = "counting"

    def __init__(self, *outcomes: BaseException | None, interval: float = 10, spread: float = 3) -> None:
        self.interval = interval
        self.spread = spread
        self.runs = 0
        self._outcomes = list(outcomes)

    async def run(self) -> None:
        self.runs += 1
        if self._outcomes and (outcome := self._outcomes.pop(0)) is not None:
            raise outcome


class SleeplessNights:
    """Sleeps nothing, a bounded number of times, and remembers for how long it should have."""

    def __init__(self, nights: int) -> None:
        self.asked: list[float] = []
        self.over = asyncio.Event()
        self._nights = nights

    async def __call__(self, seconds: float) -> None:
        self.asked.append(seconds)
        if len(self.asked) > self._nights:
            self.over.set()
            await asyncio.Event().wait()
        await asyncio.sleep(0)


async def run_all(*jobs: Job, nights: int = 40) -> SleeplessNights:
    sleep = SleeplessNights(nights)
    runner = JobRunner(jobs, sleep=sleep)
    runner.start()
    await sleep.over.wait()
    await runner.stop()
    return sleep


async def test_a_job_that_fails_runs_again_and_others_do_not_notice() -> None:
    failing, healthy = CountingJob(*[ValueError()] * 100), CountingJob()

    await run_all(failing, healthy)

    assert failing.runs > 10
    assert healthy.runs > 10


async def test_a_job_waits_its_interval_with_its_spread_before_each_run() -> None:
    sleep = await run_all(CountingJob(), nights=200)

    assert all(7 <= seconds <= 13 for seconds in sleep.asked)
    assert max(sleep.asked) - min(sleep.asked) > 1


async def test_stopping_ends_a_job_that_is_under_way() -> None:
    class Endless(Job):
        name = "endless"
        interval = 0.0
        spread = 0.0
        cancelled = False

        async def run(self) -> None:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                self.cancelled = True
                raise

    job = Endless()
    runner = JobRunner([job])
    runner.start()
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    await asyncio.wait_for(runner.stop(), 5)

    assert job.cancelled


async def test_a_failure_is_logged_once_and_its_end_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    job = CountingJob(*[StoreUnavailable("the database is away")] * 3, None, None)
    runner = JobRunner([job])

    for _ in range(5):
        await runner.run_once(job)

    assert [record.levelname for record in caplog.records] == ["ERROR", "INFO"]
    assert "StoreUnavailable: the database is away" in caplog.text
    assert runner.failing == {}


async def test_what_fails_now_can_be_asked_for() -> None:
    job = CountingJob(StoreUnavailable("away"))
    runner = JobRunner([job])

    await runner.run_once(job)

    assert runner.failing == {"counting": "StoreUnavailable: away"}


def test_a_foreign_error_is_described_without_its_text() -> None:
    """A database driver repeats the row it could not write."""
    try:
        raise ValueError("Key (email_key)=(alice@example.com) already exists")
    except ValueError as error:
        described = describe(error)

    assert described.startswith("ValueError in test_a_foreign_error")
    assert "alice" not in described
