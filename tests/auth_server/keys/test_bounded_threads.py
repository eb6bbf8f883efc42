"""Calls that may hang: they are given up in time, and cost no more than the threads they hold."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator

import pytest

from auth_server.keys.bounded_threads import BoundedThreads
from auth_server.protocol.errors import KeyUnavailable

SOON = 0.05
NEVER = 60.0


class Device:
    """Answers when it is told to."""

    def __init__(self) -> None:
        self.calls: list[int] = []
        self._answers = threading.Event()

    def call(self, number: int) -> int:
        self.calls.append(number)
        self._answers.wait(NEVER)
        return number

    def answer(self) -> None:
        self._answers.set()


@pytest.fixture
def device() -> Iterator[Device]:
    made = Device()
    yield made
    made.answer()


@pytest.fixture
def threads() -> Iterator[Callable[..., BoundedThreads]]:
    made: list[BoundedThreads] = []

    def make(*, count: int = 1, waiting: int = 1, seconds: float = SOON) -> BoundedThreads:
        made.append(BoundedThreads("device", threads=count, waiting=waiting, seconds=seconds))
        return made[-1]

    yield make
    for one in made:
        one.close()


def refuse() -> None:
    raise KeyUnavailable("the device refused")


async def test_a_call_returns_what_its_function_returns(threads) -> None:
    assert await threads().run(divmod, 7, 2) == (3, 1)
    assert threads().run_blocking(divmod, 7, 2) == (3, 1)


async def test_a_call_raises_what_its_function_raises(threads) -> None:
    bounded = threads()

    with pytest.raises(KeyUnavailable, match="refused"):
        await bounded.run(refuse)
    with pytest.raises(KeyUnavailable, match="refused"):
        bounded.run_blocking(refuse)


async def test_a_call_that_hangs_is_given_up_in_time(threads, device: Device) -> None:
    with pytest.raises(KeyUnavailable, match="did not answer"):
        await threads().run(device.call, 1)
    with pytest.raises(KeyUnavailable, match="did not answer"):
        threads().run_blocking(device.call, 2)

    assert device.calls == [1, 2]


async def test_what_waited_in_vain_is_never_begun(threads, device: Device) -> None:
    bounded = threads(waiting=1)
    hanging = bounded.submit(device.call, 1)

    with pytest.raises(KeyUnavailable):
        await bounded.run(device.call, 2)
    device.answer()

    assert hanging.result(NEVER) == 1
    assert bounded.run_blocking(divmod, 1, 1) == (1, 0)  # behind whatever had still been in the queue
    assert device.calls == [1]


async def test_more_than_may_wait_are_refused_at_once(threads, device: Device) -> None:
    bounded = threads(waiting=1, seconds=NEVER)
    under_way = [bounded.submit(device.call, number) for number in (1, 2)]

    with pytest.raises(KeyUnavailable, match="too many"):
        await bounded.run(device.call, 3)

    device.answer()
    assert [future.result(NEVER) for future in under_way] == [1, 2]


async def test_when_every_thread_hangs_the_next_is_refused_at_once_until_one_returns(threads, device: Device) -> None:
    bounded = threads(count=1, waiting=5)
    with pytest.raises(KeyUnavailable):
        await bounded.run(device.call, 1)
    with pytest.raises(KeyUnavailable, match="hangs"):
        await bounded.run(divmod, 7, 2)

    device.answer()
    while bounded._hanging:
        await asyncio.sleep(0)

    assert await bounded.run(divmod, 7, 2) == (3, 1)


async def test_a_caller_who_went_away_frees_his_place_and_is_not_taken_for_a_device_that_hangs(threads, device: Device) -> None:
    bounded = threads(waiting=1, seconds=NEVER)
    callers = [asyncio.create_task(bounded.run(device.call, number)) for number in (1, 2)]
    while not device.calls:
        await asyncio.sleep(0)

    for caller in callers:
        caller.cancel()
    await asyncio.gather(*callers, return_exceptions=True)
    next_in_line = bounded.submit(device.call, 3)
    device.answer()

    assert next_in_line.result(NEVER) == 3
    assert device.calls == [1, 3]


async def test_after_closing_nothing_is_begun(threads) -> None:
    bounded = threads()
    bounded.close()

    with pytest.raises(KeyUnavailable, match="closed"):
        await bounded.run(divmod, 7, 2)
    with pytest.raises(KeyUnavailable, match="closed"):
        bounded.run_blocking(divmod, 7, 2)
