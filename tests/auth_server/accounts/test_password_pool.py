"""The pool: few threads, niced, a bounded line, and refusals that are held back."""

from __future__ import annotations

import asyncio
import os
import sys
import threading

import pytest

from auth_server.accounts.password_pool import PasswordPool
from auth_server.protocol.errors import ApiError

pytestmark = pytest.mark.anyio


class Gate:
    """Work that waits until the test lets it go, and knows how much of it runs at once."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.lock = threading.Lock()
        self.running = 0
        self.most = 0

    def work(self) -> None:
        with self.lock:
            self.running += 1
            self.most = max(self.most, self.running)
        self.open.wait(10)
        with self.lock:
            self.running -= 1


async def until_started(tasks: list[asyncio.Task[None]]) -> None:
    """Let every task run up to the pool's door."""
    assert tasks
    await asyncio.sleep(0)
    await asyncio.sleep(0)


@pytest.mark.parametrize("threads", [1, 2])
async def test_no_more_than_its_threads_run_at_once(threads: int) -> None:
    """What bounds memory: each hash under way takes 19 MiB."""
    pool, gate = PasswordPool(threads=threads), Gate()
    tasks = [asyncio.create_task(pool.run(gate.work)) for _ in range(12)]
    await until_started(tasks)
    gate.open.set()
    await asyncio.gather(*tasks)
    pool.close()

    assert gate.most <= threads


async def test_a_full_line_is_refused_after_a_pause() -> None:
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    pool, gate = PasswordPool(threads=1, sleep=pause), Gate()
    room = pool.capacity
    tasks = [asyncio.create_task(pool.run(gate.work)) for _ in range(room)]
    await until_started(tasks)

    with pytest.raises(ApiError) as refusal:
        await pool.run(gate.work)
    gate.open.set()
    await asyncio.gather(*tasks)
    pool.close()

    assert (refusal.value.status, refusal.value.error, refusal.value.retry_after) == (503, "overloaded", 1)
    assert pauses == [0.5]


async def test_there_is_room_again_when_work_is_done_or_given_up() -> None:
    pool, gate = PasswordPool(threads=1), Gate()
    tasks = [asyncio.create_task(pool.run(gate.work)) for _ in range(pool.capacity)]
    await until_started(tasks)
    for task in tasks[1:]:
        task.cancel()
    gate.open.set()
    await asyncio.gather(*tasks, return_exceptions=True)

    assert await pool.run(lambda: "done") == "done"
    pool.close()


@pytest.mark.parametrize("seconds, threads, capacity", [(0.02, 1, 26), (0.02, 3, 67), (0.0001, 1, 65), (5.0, 1, 2), (5.0, 3, 6)])
async def test_the_line_holds_half_a_second_of_work(seconds: float, threads: int, capacity: int) -> None:
    """At most 64 pieces, and never fewer than would keep every thread busy."""
    pool = PasswordPool(threads=threads)
    pool._seconds = seconds

    assert pool.capacity == capacity
    pool.close()


async def test_the_estimate_follows_what_work_takes() -> None:
    pool = PasswordPool(threads=1)
    before = pool.capacity
    for _ in range(50):
        await pool.run(lambda: None)
    pool.close()

    assert pool.capacity > before


async def test_an_error_of_the_work_is_the_callers() -> None:
    pool = PasswordPool(threads=1)
    with pytest.raises(ZeroDivisionError):
        await pool.run(lambda: 1 // 0)
    pool.close()


@pytest.mark.skipif(sys.platform != "linux", reason="a niceness belongs to a thread on Linux alone")
async def test_its_threads_stand_behind_the_event_loop() -> None:
    pool = PasswordPool(threads=1)
    own = os.getpriority(os.PRIO_PROCESS, 0)
    niceness = await pool.run(lambda: os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
    pool.close()

    assert niceness == max(own, 10)
    assert os.getpriority(os.PRIO_PROCESS, 0) == own
