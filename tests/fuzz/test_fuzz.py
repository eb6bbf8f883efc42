"""What `make fuzz` tries by the million, at counts for every day; time is left to `make fuzz`, where nothing else runs."""

from __future__ import annotations

from random import Random

import pytest

from resource_server.verifier.verify import verify
from tests.fuzz import mutations, trying
from tests.fuzz.trying import Kit, difference, key_sets, totality
from tests.resource_server.support import NOW


@pytest.fixture(autouse=True)
def no_judgement_of_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trying, "MOST_SECONDS", float("inf"))


def test_the_tokens_that_are_broken_are_good_before() -> None:
    kit = Kit()
    for token in mutations.corpus():
        assert kit.verify(token).claims["iss"] == kit.policy.issuer
        assert kit.other_accepts(token) is not None


def test_no_broken_token_passes_and_nothing_but_refusals_is_raised() -> None:
    outcome = totality(3000, seed=1)

    assert outcome.wrong == []
    assert outcome.accepted == 0
    assert {
        "malformed_token",
        "bad_signature",
        "token_too_large",
        "algorithm_not_allowed",
        "wrong_type",
    } <= outcome.reasons.keys()


def test_what_the_kit_accepts_a_second_verifier_accepts_and_reads_alike() -> None:
    outcome = difference(3000, seed=1)

    assert outcome.wrong == []
    assert outcome.accepted > 100
    assert len(outcome.reasons) >= 10


def test_spoiled_key_sets_are_read_or_refused() -> None:
    outcome = key_sets(300, seed=1)

    assert outcome.wrong == []
    assert outcome.accepted > 50


def test_a_verifier_that_takes_what_is_broken_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    good = mutations.corpus()[0]
    kit = Kit()
    monkeypatch.setattr(Kit, "verify", lambda _self, _token: kit_verifies(kit, good))

    assert totality(20, seed=1).wrong
    assert difference(20, seed=3).wrong


def kit_verifies(kit: Kit, token: bytes) -> object:
    return verify(token, kit.key_set, kit.policy, NOW)


def test_another_exception_and_a_growing_process_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_self: Kit, _token: bytes) -> object:
        raise KeyError("undeclared")

    monkeypatch.setattr(Kit, "verify", fails)
    monkeypatch.setattr(mutations, "corpus", lambda: ())
    monkeypatch.setattr(mutations, "broken", lambda _random: b"x")

    assert all("KeyError" in sentence for sentence in totality(5, seed=1).wrong)


def test_the_same_seed_makes_the_same_tokens() -> None:
    made = [[mutations.broken(Random(seed)) for _ in range(5)] for seed in (7, 7, 8)]

    assert made[0] == made[1] != made[2]
