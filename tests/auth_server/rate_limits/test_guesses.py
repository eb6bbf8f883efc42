"""The gate: what passes, what is given back, and who is not in anybody's way."""

from __future__ import annotations

from typing import Final

import pytest

from auth_server.protocol.errors import KeyUnavailable
from auth_server.rate_limits.guesses import GuessLimits, GuessPolicy, Verdict
from auth_server.store.store import Store
from auth_server.web.request_facts import RequestFacts
from tests.support.clock import FakeClock
from tests.support.people import DEVICE_KEY

SMALL: Final = GuessPolicy(place_burst=8, circuit_burst=20)


class Gate:
    """A gate on a store, asked in the short words of these tests."""

    def __init__(self, store: Store, policy: GuessPolicy | None = None) -> None:
        self.store = store
        self.limits = GuessLimits(DEVICE_KEY, policy)

    def guess(self, whose: str = "alice", address: str = "192.0.2.1", device: str | None = None) -> Verdict:
        facts = RequestFacts(address, "request-1", device)
        return self.store.run_blocking(lambda tx: self.limits.admit(tx, whose, facts))

    def succeed(self, verdict: Verdict) -> None:
        self.store.run_blocking(lambda tx: self.limits.succeed(tx, verdict))

    def withdraw(self, verdict: Verdict) -> None:
        self.store.run_blocking(lambda tx: self.limits.withdraw(tx, verdict))

    def device(self, whose: str) -> str:
        return self.limits.device_cookie(RequestFacts("192.0.2.1", "request-1"), whose, self.store.clock.now())


def test_one_account_slows_down_and_others_do_not(store: Store) -> None:
    gate = Gate(store)
    verdicts = [gate.guess() for _ in range(6)]

    assert [verdict.admitted for verdict in verdicts] == [True] * 5 + [False]
    assert (verdicts[-1].retry_after, verdicts[-1].gate) == (1, "account")
    assert gate.guess("bob").admitted


def test_one_place_slows_down_whatever_the_accounts_and_others_do_not(store: Store, clock: FakeClock) -> None:
    gate = Gate(store, SMALL)
    verdicts = [gate.guess(f"name{number}", "192.0.2.1") for number in range(9)]

    assert [verdict.admitted for verdict in verdicts] == [True] * 8 + [False]
    assert (verdicts[-1].gate, verdicts[-1].retry_after) == ("place", 10)
    assert not gate.guess("another", "192.0.2.254").admitted
    assert gate.guess("another", "198.51.100.1").admitted
    clock.advance(10)
    assert gate.guess("another", "192.0.2.1").admitted


def test_who_signs_in_costs_his_place_nothing(store: Store) -> None:
    """An office behind one address: any number of successes, and the failures alone are counted."""
    gate = Gate(store, SMALL)
    for number in range(50):
        verdict = gate.guess(f"name{number}")
        assert verdict.admitted
        gate.succeed(verdict)


def test_own_successes_pay_for_no_guess(store: Store) -> None:
    """Somebody with an account of his own signs in after every guess: the place still counts each guess."""
    gate = Gate(store, SMALL)
    admitted = 0
    for number in range(20):
        admitted += gate.guess(f"victim{number}").admitted
        mine = gate.guess("mallory")
        if mine.admitted:
            gate.succeed(mine)

    assert admitted <= SMALL.place_burst


def test_a_guess_at_a_slowed_down_account_costs_the_place_nothing(store: Store) -> None:
    gate = Gate(store, SMALL)
    for _ in range(100):
        gate.guess("alice")

    assert [gate.guess(f"name{number}").admitted for number in range(4)] == [True] * 3 + [False]


def test_a_refused_place_leaves_no_counter_behind(store: Store) -> None:
    """Otherwise a stranger could fill the table with names of his choice."""
    gate = Gate(store, SMALL)
    for number in range(100):
        gate.guess(f"name{number}")

    assert store.run_blocking(lambda tx: [gate.limits.forgive(tx, f"name{number}") for number in range(100)]).count(True) == 8


def test_a_withdrawn_guess_was_never_made(store: Store) -> None:
    gate = Gate(store, SMALL)
    for _ in range(100):
        verdict = gate.guess()
        assert verdict.admitted
        gate.withdraw(verdict)


def test_a_known_device_has_a_counter_of_its_own(store: Store) -> None:
    gate = Gate(store, SMALL)
    device = gate.device("alice")
    for number in range(100):
        gate.guess("alice", f"10.{number}.0.1")

    verdicts = [gate.guess("alice", device=device) for _ in range(6)]

    assert [verdict.admitted for verdict in verdicts] == [True] * 5 + [False]
    assert verdicts[-1].gate == "device"


def test_a_known_device_gets_nothing_at_other_accounts(store: Store) -> None:
    gate = Gate(store)
    device = gate.device("mallory")
    for _ in range(5):
        gate.guess("alice")

    assert not gate.guess("alice", device=device).admitted


def test_a_success_on_a_known_device_does_not_help_who_guesses_elsewhere(store: Store) -> None:
    gate = Gate(store)
    device = gate.device("alice")
    for _ in range(5):
        gate.guess("alice")
    gate.succeed(gate.guess("alice", device=device))

    assert not gate.guess("alice").admitted


def test_an_open_circuit_makes_first_tries_come_back(store: Store, clock: FakeClock) -> None:
    gate = Gate(store, SMALL)
    for number in range(20):
        assert gate.guess(f"name{number}", f"10.0.{number}.1").admitted

    first = gate.guess("alice", "198.51.100.1")
    clock.advance(0.5)
    early = gate.guess("alice", "198.51.100.1")
    clock.advance(9.5)
    later = gate.guess("alice", "198.51.100.1")

    assert [(verdict.admitted, verdict.gate, verdict.retry_after) for verdict in (first, early)] == [
        (False, "circuit", 10),
        (False, "circuit", 10),
    ]
    assert later.admitted


def test_while_the_circuit_is_open_a_place_fails_once_at_a_time(store: Store, clock: FakeClock) -> None:
    gate = Gate(store, GuessPolicy(circuit_burst=20, circuit_interval_ms=3_600_000))
    for number in range(20):
        gate.guess(f"name{number}", f"10.0.{number}.1")
    for name in ("alice", "bob"):
        gate.guess(name, "198.51.100.1")
    clock.advance(10)

    verdicts = [gate.guess(name, "198.51.100.1") for name in ("alice", "bob")]

    assert [(verdict.admitted, verdict.gate) for verdict in verdicts] == [(True, "account"), (False, "place")]


def test_the_circuit_closes_when_failures_become_rare(store: Store, clock: FakeClock) -> None:
    gate = Gate(store, SMALL)
    for number in range(30):
        gate.guess(f"name{number}", f"10.0.{number}.1")
    clock.advance(20)

    assert gate.guess("alice", "198.51.100.1").admitted


def test_refusals_are_recorded_more_and_more_rarely(store: Store) -> None:
    gate = Gate(store)
    verdicts = [gate.guess() for _ in range(105)]

    assert [verdict.refusals for verdict in verdicts if verdict.is_worth_recording] == [1, 2, 4, 8, 16, 32, 64]


def test_without_its_secret_nothing_is_admitted(store: Store) -> None:
    limits = GuessLimits()

    with pytest.raises(KeyUnavailable):
        store.run_blocking(lambda tx: limits.admit(tx, "alice", RequestFacts("192.0.2.1", "request-1")))
    with pytest.raises(ValueError, match="at least 32 bytes"):
        limits.use_key(b"short")
    limits.use_key(DEVICE_KEY)
    assert store.run_blocking(lambda tx: limits.admit(tx, "alice", RequestFacts("192.0.2.1", "request-1"))).admitted
