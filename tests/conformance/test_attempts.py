"""The counters, on both databases: what is counted, what is let through, and when."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auth_server.store.attempts import MEMORY_MS, Charged, Counted, Slowdown
from auth_server.store.store import Store
from auth_server.store.transaction import Transaction
from tests.support.clock import FakeClock

pytestmark = pytest.mark.anyio

KEY = b"k" * 32
HERE = b"h" * 32
ELSEWHERE = b"e" * 32
SLOWDOWN = Slowdown()


def guess(origin: bytes = HERE, *, key: bytes = KEY, gate_ms: int = 0) -> Callable[[Transaction], Counted]:
    return lambda tx: tx.attempts.count(key, SLOWDOWN, origin=origin, gate_ms=gate_ms)


def charge(burst: int = 3, interval_ms: int = 1_000) -> Callable[[Transaction], Charged]:
    return lambda tx: tx.attempts.charge(KEY, interval_ms=interval_ms, burst=burst)


async def test_five_guesses_are_free_and_the_sixth_waits_a_second(any_store: Store) -> None:
    counted = [await any_store.run(guess()) for _ in range(6)]

    assert [one.admitted for one in counted] == [True] * 5 + [False]
    assert counted[-1].wait_ms == 1_000


async def test_delays_double_up_to_a_minute(any_store: Store, clock: FakeClock) -> None:
    for _ in range(5):
        await any_store.run(guess())
    delays = []
    for origin in [HERE, ELSEWHERE] * 4:
        refused = await any_store.run(guess(origin))
        delays.append(refused.wait_ms)
        clock.advance(refused.wait_ms / 1000)
        assert (await any_store.run(guess(origin))).admitted

    assert delays == [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]


async def test_a_refused_guess_is_counted_and_moves_no_delay(any_store: Store, clock: FakeClock) -> None:
    for _ in range(5):
        await any_store.run(guess())
    clock.advance(0.4)

    refused = [await any_store.run(guess()) for _ in range(3)]

    assert [(one.failures, one.refusals, one.wait_ms) for one in refused] == [(6, 1, 600), (7, 2, 600), (8, 3, 600)]


async def test_at_the_longest_delay_the_place_of_the_last_guess_lets_others_go_first(any_store: Store, clock: FakeClock) -> None:
    for _ in range(12):
        clock.advance(60)
        assert (await any_store.run(guess(HERE))).admitted
        clock.advance(SLOWDOWN.yield_ms / 1000)
    clock.advance(60 - SLOWDOWN.yield_ms / 1000)

    same, other = await any_store.run(guess(HERE)), await any_store.run(guess(ELSEWHERE))

    assert (same.admitted, same.wait_ms) == (False, SLOWDOWN.yield_ms)
    assert other.admitted


async def test_of_200_parallel_guesses_all_count_and_five_pass(any_store: Store) -> None:
    counted = await asyncio.gather(*(any_store.run(guess()) for _ in range(200)))

    assert sum(one.admitted for one in counted) == SLOWDOWN.free
    assert max(one.failures for one in counted) == 200


async def test_replicas_share_the_count(any_database) -> None:
    """Four processes see one limit (the counter is not per process)."""
    stores = [any_database.store() for _ in range(4)]

    counted = await asyncio.gather(*(store.run(guess()) for store in stores for _ in range(10)))

    assert sum(one.admitted for one in counted) == SLOWDOWN.free
    assert max(one.failures for one in counted) == 40


async def test_a_guess_given_back_is_as_if_never_made(any_store: Store) -> None:
    for _ in range(4):
        await any_store.run(guess())
    fifth = await any_store.run(guess())
    await any_store.run(lambda tx: tx.attempts.give_back(KEY, fifth))

    again = await any_store.run(guess())

    assert (again.admitted, again.failures) == (True, 5)


async def test_a_cleared_counter_starts_from_nothing(any_store: Store) -> None:
    for _ in range(7):
        await any_store.run(guess())

    assert await any_store.run(lambda tx: tx.attempts.clear(KEY))
    assert not await any_store.run(lambda tx: tx.attempts.clear(KEY))
    assert (await any_store.run(guess())).failures == 1


async def test_failures_are_forgotten_after_a_quiet_day(any_store: Store, clock: FakeClock) -> None:
    for _ in range(9):
        await any_store.run(guess())
    clock.advance(MEMORY_MS / 1000)

    assert (await any_store.run(guess())).failures == 1


async def test_behind_a_gate_the_first_guess_has_to_come_back(any_store: Store, clock: FakeClock) -> None:
    first = await any_store.run(guess(gate_ms=10_000))
    clock.advance(9.999)
    early = await any_store.run(guess(gate_ms=10_000))
    clock.advance(0.001)
    later = await any_store.run(guess(gate_ms=10_000))

    assert [(one.admitted, one.wait_ms) for one in (first, early, later)] == [(False, 10_000), (False, 1), (True, 0)]


async def test_a_bucket_holds_its_burst_and_then_one_for_each_interval(any_store: Store, clock: FakeClock) -> None:
    burst = [await any_store.run(charge()) for _ in range(5)]
    clock.advance(1)
    after = [await any_store.run(charge()) for _ in range(2)]

    assert [one.admitted for one in burst] == [True, True, True, False, False]
    assert [(one.refusals, one.wait_ms) for one in burst[3:]] == [(1, 1_000), (2, 1_000)]
    assert [one.admitted for one in after] == [True, False]


async def test_a_charge_given_back_makes_room(any_store: Store) -> None:
    for _ in range(3):
        await any_store.run(charge())
    await any_store.run(lambda tx: tx.attempts.give_back_charge(KEY, interval_ms=1_000))

    assert [(await any_store.run(charge())).admitted for _ in range(2)] == [True, False]


async def test_counters_that_say_nothing_any_more_are_forgotten(any_store: Store, clock: FakeClock) -> None:
    await any_store.run(guess())
    await any_store.run(charge())
    assert await any_store.run(lambda tx: tx.attempts.forget()) == 0
    clock.advance(MEMORY_MS / 1000 + 1)

    assert await any_store.run(lambda tx: tx.attempts.forget()) == 2


@dataclass
class Model:
    """The rules once more, in the plainest words, to hold the statements against."""

    admissions: int = 0
    blocked_until: int = 0
    origin: bytes = b""

    def guess(self, now: int, origin: bytes) -> bool:
        longest = self.delay(self.admissions) == SLOWDOWN.longest_ms
        ready = self.blocked_until + (SLOWDOWN.yield_ms if longest and origin == self.origin else 0)
        if ready > now:
            return False
        self.admissions += 1
        self.blocked_until, self.origin = now + self.delay(self.admissions), origin
        return True

    @staticmethod
    def delay(admissions: int) -> int:
        return 0 if admissions < 5 else min(60_000, 1_000 * 2 ** (admissions - 5))


@given(st.lists(st.tuples(st.sampled_from([0, 1, 500, 1_000, 4_000, 59_999, 60_000, 65_000]), st.booleans()), max_size=40))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_statement_does_what_the_rules_say(store: Store, clock: FakeClock, steps: list[tuple[int, bool]]) -> None:
    model = Model()
    store.run_blocking(lambda tx: tx.attempts.clear(KEY))
    for wait_ms, here in steps:
        clock.advance(wait_ms / 1000)
        origin = HERE if here else ELSEWHERE

        assert store.run_blocking(guess(origin)).admitted == model.guess(clock.ms, origin)
