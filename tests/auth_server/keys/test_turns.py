"""A turn of the event loop has room for a few signatures; the rest come in their order, with room for their answers in between."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from auth_server.keys.turns import IN_LINE, Turns

# Each turn of signatures is followed by some for their answers.
_LOOP_TURNS = 4


async def test_a_turn_has_room_for_a_few_and_the_next_for_as_many_more() -> None:
    turns = Turns()

    first = [turns.take() for _ in range(IN_LINE + 1)]
    await asyncio.sleep(0)
    second = [turns.take() for _ in range(IN_LINE + 1)]

    assert first == second == [True] * IN_LINE + [False]


async def test_whoever_waits_goes_before_whoever_comes_later() -> None:
    turns = _full()
    waiting = asyncio.create_task(turns.later(lambda: "signed"))
    await asyncio.sleep(0)

    assert not turns.take()
    assert await waiting == "signed"


async def test_those_who_wait_come_in_their_order() -> None:
    turns = _full()
    done: list[int] = []

    def signing(number: int) -> Callable[[], str]:
        def sign() -> str:
            done.append(number)
            return str(number)

        return sign

    signed = await asyncio.gather(*(turns.later(signing(number)) for number in range(3 * IN_LINE)))

    assert done == list(range(3 * IN_LINE))
    assert signed == [str(number) for number in done]


async def test_others_are_served_between_two_turns() -> None:
    turns = _full()
    done: list[str] = []
    waiting = [asyncio.create_task(turns.later(_noting(done, "signed"))) for _ in range(3 * IN_LINE)]
    most = 0
    for _ in range(5 * _LOOP_TURNS):
        before = len(done)
        await asyncio.sleep(0)
        most = max(most, len(done) - before)

    assert most == IN_LINE
    await asyncio.gather(*waiting)


async def test_who_gave_up_waiting_takes_no_place_and_nothing_is_signed_for_them() -> None:
    turns = _full()
    done: list[str] = []
    gone = asyncio.create_task(turns.later(_noting(done, "gone")))
    others = [asyncio.create_task(turns.later(_noting(done, "other"))) for _ in range(IN_LINE)]
    await asyncio.sleep(0)
    gone.cancel()
    for _ in range(2 * _LOOP_TURNS):
        await asyncio.sleep(0)

    assert all(other.done() for other in others)
    assert done == ["other"] * IN_LINE


async def test_a_fault_reaches_the_one_that_it_concerns() -> None:
    turns = _full()

    def fail() -> str:
        raise LookupError("no key")

    failing, signing = asyncio.create_task(turns.later(fail)), asyncio.create_task(turns.later(lambda: "signed"))

    with pytest.raises(LookupError, match="no key"):
        await failing
    assert await signing == "signed"


def _noting(done: list[str], word: str) -> Callable[[], str]:
    def sign() -> str:
        done.append(word)
        return word

    return sign


def _full() -> Turns:
    turns = Turns()
    for _ in range(IN_LINE):
        turns.take()
    return turns
