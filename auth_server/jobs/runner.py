"""Runs the jobs in this process: each on its own, none able to end another."""

from __future__ import annotations

import asyncio
import logging
import random
import traceback
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from auth_server.jobs.contract import Job
from auth_server.protocol.errors import InternalError

# Not the generator that everybody shares: workers that were forked from one process would wait alike.
_SPREAD: Final = random.SystemRandom()
_LOG: Final = logging.getLogger(__name__)


class JobRunner:
    """Starts every job as a task of the running event loop, and stops them."""

    def __init__(self, jobs: Sequence[Job], *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self._jobs = tuple(jobs)
        self._sleep = sleep
        self._tasks: list[asyncio.Task[None]] = []
        self._failing: dict[str, str] = {}

    def start(self) -> None:
        """Start all jobs; each runs first after its interval."""
        self._tasks = [asyncio.get_running_loop().create_task(self._repeat(job), name=job.name) for job in self._jobs]

    async def stop(self) -> None:
        """Cancel what runs and wait until it has ended; a change that was not committed yet is rolled back or committed whole."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []

    @property
    def failing(self) -> dict[str, str]:
        """The jobs whose last run failed, and how."""
        return dict(self._failing)

    async def run_once(self, job: Job) -> None:
        """Run one job now; its failure is logged and remembered, never raised."""
        try:
            await job.run()
        except Exception as error:
            self._failed(job, describe(error))
        else:
            if self._failing.pop(job.name, None) is not None:
                _LOG.info("the job %s works again", job.name)

    async def _repeat(self, job: Job) -> None:
        while True:
            await self._sleep(max(0.0, job.interval + _SPREAD.uniform(-job.spread, job.spread)))
            await self.run_once(job)

    def _failed(self, job: Job, what: str) -> None:
        # Once for each new way to fail: a database that is away for an hour would otherwise fill the log.
        if self._failing.get(job.name) != what:
            _LOG.error("the job %s failed: %s", job.name, what)
        self._failing[job.name] = what


def describe(error: BaseException) -> str:
    """Say what went wrong, for the log: our own errors by their text, others by class and place.

    A foreign error's text may quote what was being written (a database driver repeats the row), so it is left out.
    """
    if isinstance(error, InternalError):
        return f"{type(error).__name__}: {error}"
    frames = traceback.extract_tb(error.__traceback__)
    place = f" in {frames[-1].name}, line {frames[-1].lineno} of {frames[-1].filename}" if frames else ""
    return f"{type(error).__name__}{place}"
