"""Guessing passwords: how many guesses are looked at, and that the owner gets in meanwhile.

The hash is counted at the pool's border; store, limits and sign-in are the real ones, on a clock that the test moves.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from auth_server.protocol.errors import ApiError
from auth_server.rate_limits.guesses import GuessPolicy
from auth_server.store.attempts import Slowdown
from auth_server.store.store import Store
from tests.support.clock import FakeClock
from tests.support.people import DAY, PASSWORD, WRONG, People, people

pytestmark = pytest.mark.anyio

a_whole_day = pytest.mark.skipif(
    os.environ.get("FULL_SCALE") != "1", reason="takes minutes; FULL_SCALE=1 runs it, an hour of it runs always"
)
HOUR = DAY / 24

# 100,000 guesses a day, in bursts: a tenth of a second's worth at a time would only take longer.
SECONDS_BETWEEN_BURSTS = 8.64
BURST = 10


@dataclass
class Attack:
    """An attacker who knows one name and tries on, whatever he is answered."""

    persons: People
    clock: FakeClock
    address: Callable[[int], str]
    statuses: Counter[int] = field(default_factory=Counter)
    tries: int = 0

    async def guess(self) -> None:
        """Try once."""
        self.tries += 1
        self.statuses[(await self.persons.refusal("alice", WRONG, address=self.address(self.tries))).status] += 1

    async def last(self, seconds: float) -> None:
        """Go on at full speed for so long."""
        bursts = round(seconds / SECONDS_BETWEEN_BURSTS)
        for _ in range(bursts):
            await asyncio.gather(*(self.guess() for _ in range(BURST)))
            self.clock.advance(SECONDS_BETWEEN_BURSTS)


def one_address(_: int) -> str:
    return "203.0.113.9"


def many_addresses(number: int) -> str:
    return f"10.{number // 250 % 250}.{number % 250}.1"


ATTACKERS = [pytest.param(one_address, id="one-address"), pytest.param(many_addresses, id="many-addresses")]


async def known_device_of(persons: People) -> str:
    return (await persons.sign_in(address="198.51.100.7")).device_cookie


async def test_of_4000_guesses_in_an_hour_at_most_a_24th_of_a_days_reach_the_hash(store: Store, clock: FakeClock) -> None:
    """The day's bound below, for its first hour; the free guesses at the start come on top."""
    persons = people(store)
    await persons.alice()
    persons.pool.works = 0
    attack = Attack(persons, clock, many_addresses)

    await attack.last(HOUR)

    assert attack.tries >= 4_000
    assert attack.statuses[401] == persons.pool.works <= 1_500 / 24 + 15


@pytest.mark.slow
@a_whole_day
async def test_of_100000_guesses_in_a_day_at_most_1500_reach_the_hash(store: Store, clock: FakeClock) -> None:
    """From a different network each time: from a single one fewer still are looked at."""
    persons = people(store)
    await persons.alice()
    persons.pool.works = 0
    attack = Attack(persons, clock, many_addresses)

    await attack.last(DAY)

    assert attack.tries == 100_000
    assert attack.statuses[401] == persons.pool.works <= 1_500


@pytest.mark.parametrize("address", ATTACKERS)
async def test_in_ten_minutes_a_guesser_gets_one_look_a_minute(
    store: Store, clock: FakeClock, address: Callable[[int], str]
) -> None:
    """The same in short: the free guesses, one after each of the six shorter delays, then one for each minute."""
    persons = people(store)
    await persons.alice()
    persons.pool.works = 0
    attack = Attack(persons, clock, address)

    await attack.last(600)

    assert attack.tries > 650
    assert 5 + 6 + 7 <= persons.pool.works <= 5 + 6 + 10


@pytest.mark.parametrize("address", ATTACKERS)
async def test_the_owner_signs_in_at_once_on_a_known_device(
    store: Store, clock: FakeClock, address: Callable[[int], str]
) -> None:
    """Nobody can be locked out by somebody who merely knows the name."""
    persons = people(store)
    await persons.alice()
    device = await known_device_of(persons)
    attack = Attack(persons, clock, address)
    await attack.last(600)

    for _ in range(5):
        await attack.guess()
        signed_in = await persons.sign_in(address="198.51.100.7", device=device)
        device = signed_in.device_cookie
        assert signed_in.account.username == "alice"


async def test_elsewhere_the_owner_signs_in_within_a_minute(store: Store, clock: FakeClock) -> None:
    """Even when the attacker tries again in the very millisecond in which his delay ends, and always before the owner."""
    persons = people(store)
    await persons.alice()
    attack = Attack(persons, clock, one_address)
    await attack.last(600)
    waited = 0.0
    while (refused := await attempt_of_the_owner(persons)) is not None:
        assert refused.error == "slow_down"
        clock.advance(refused.retry_after or 0)
        waited += refused.retry_after or 0
        await attack.guess()

    assert waited <= 60


async def attempt_of_the_owner(persons: People) -> ApiError | None:
    try:
        await persons.sign_in(address="198.51.100.7")
    except ApiError as error:
        return error
    return None


@pytest.mark.parametrize("address", ATTACKERS)
async def test_of_200_parallel_guesses_five_reach_the_hash_and_all_count(store: Store, address: Callable[[int], str]) -> None:
    """Counted before the hash by the statement that decides, so nothing is gained by asking all at once."""
    persons = people(store, policy=GuessPolicy(place_burst=1_000, circuit_burst=1_000))
    account = await persons.alice()
    persons.pool.works = 0

    refusals = await asyncio.gather(*(persons.refusal(address=address(number)) for number in range(200)))

    assert Counter(refusal.status for refusal in refusals) == {401: 5, 429: 195}
    assert persons.pool.works == 5
    counter = persons.limits._digest("secret", account.sub)
    again = store.run_blocking(lambda tx: tx.attempts.count(counter, Slowdown(), origin=b""))
    assert again.failures == 201


async def test_from_the_limit_on_the_right_password_waits_too(persons: People, clock: FakeClock) -> None:
    """Otherwise a guesser who is slowed down would still learn which guess was right."""
    await persons.alice()
    refusals = [await persons.refusal() for _ in range(20)]
    right = await persons.refusal("alice", PASSWORD)
    clock.advance(right.retry_after or 0)

    assert [refusal.status for refusal in refusals] == [401] * 5 + [429] * 15
    assert (right.status, right.retry_after) == (429, 1)
    assert (await persons.sign_in()).account.username == "alice"


async def test_a_known_and_an_unknown_name_are_refused_alike_guess_by_guess(persons: People) -> None:
    """Status, text, delay, hashes and records: nothing tells which of the two has an account."""
    await persons.alice()
    seen: dict[str, list[tuple[object, ...]]] = {"alice": [], "nobody": []}
    for _ in range(50):
        for name, answers in seen.items():
            persons.pool.works, before = 0, len(persons.events())
            refusal = await persons.refusal(name)
            records = persons.names_of_events()[before:]
            answers.append((refusal.status, str(refusal), refusal.retry_after, persons.pool.works, records))

    assert seen["alice"] == seen["nobody"]


@pytest.mark.slow
@a_whole_day
async def test_of_10000_stuffed_accounts_2_in_100_reach_the_hash(store: Store) -> None:
    """One guess at each account, from a thousand places: no account is slowed down, the circuit is."""
    persons = people(store)

    assert await stuff(persons, accounts=10_000, places=1_000) <= 200


async def test_a_stuffer_gets_what_the_circuit_lets_pass(store: Store) -> None:
    """The same in short."""
    persons = people(store, policy=GuessPolicy(circuit_burst=30))

    assert await stuff(persons, accounts=500, places=50) == 30


async def stuff(persons: People, *, accounts: int, places: int) -> int:
    """Try one password at each of many accounts; return how many of these guesses were looked at."""
    names = [f"name{number}" for number in range(accounts)]
    sources = [f"10.{number % places // 250}.{number % places % 250}.1" for number in range(accounts)]
    for start in range(0, accounts, 100):
        tries = zip(names[start : start + 100], sources[start : start + 100], strict=True)
        await asyncio.gather(*(persons.refusal(name, address=address) for name, address in tries))
    return persons.pool.works


async def test_guessing_fills_no_log(store: Store, clock: FakeClock) -> None:
    """What is looked at is recorded each time, what is refused for its pace more and more rarely."""
    persons = people(store)
    await persons.alice()
    attack = Attack(persons, clock, one_address)
    await attack.last(600)

    names = Counter(persons.names_of_events())
    assert names["login.failed"] == attack.statuses[401]
    assert names["login.slowed"] <= 10


@pytest.fixture
def persons(store: Store) -> People:
    """Everything about people, on the virtual clock."""
    return people(store)
