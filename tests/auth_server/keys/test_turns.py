"""A turn of the event loop has room for three signatures; the rest wait in their order."""

from __future__ import annotations

import asyncio

from auth_server.keys.turns import IN_LINE, Turns


async def test_a_turn_has_room_for_three_and_the_next_for_three_more() -> None:
    turns = Turns()

    first = [turns.take() for _ in range(IN_LINE + 1)]
    await asyncio.sleep(0)
    second = [turns.take() for _ in range(IN_LINE + 1)]

    assert first == second == [True] * IN_LINE + [False]


async def test_whoever_waits_goes_before_whoever_comes_later() -> None:
    turns = Turns()
    for _ in range(IN_LINE):
        turns.take()
    waiting = asyncio.create_task(turns.wait())
    await asyncio.sleep(0)

    assert not turns.take()
    await waiting


async def test_those_who_wait_come_in_their_order() -> None:
    turns = Turns()
    came: list[int] = []

    async def wait(number: int) -> None:
        await turns.wait()
        came.append(number)

    for _ in range(IN_LINE):
        turns.take()
    await asyncio.gather(*(wait(number) for number in range(3 * IN_LINE)))

    assert came == list(range(3 * IN_LINE))


async def test_who_gave_up_waiting_takes_no_place() -> None:
    turns = Turns()
    for _ in range(IN_LINE):
        turns.take()
    gone = asyncio.create_task(turns.wait())
    others = [asyncio.create_task(turns.wait()) for _ in range(IN_LINE)]
    await asyncio.sleep(0)
    gone.cancel()
    for _ in range(3):
        await asyncio.sleep(0)

    assert all(other.done() for other in others)
