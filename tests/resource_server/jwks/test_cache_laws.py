"""The laws of the key cache, over any sequence of what may happen."""

from __future__ import annotations

from math import inf

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from resource_server.jwks.cache import KeyCache, Landing, Step
from resource_server.verifier.errors import KeysUnavailable, TokenRefused, UnknownKey
from tests.resource_server.jwks.test_cache import REFRESH, H, T, a_filled_cache, a_set, fetch


class AnyHistory(RuleBasedStateMachine):
    """Tokens with known, unknown and revoked kids; good, older and failed answers; time that passes."""

    def __init__(self) -> None:
        super().__init__()
        self.now = T
        self.random = 0.5
        self.cache = KeyCache(REFRESH, H, lambda: self.random)
        self.departures: list[float] = []
        self.cold_departures = 0
        self.epoch = 1
        self.issuer = {"one"}
        self.tombstones: set[str] = set()
        self.held_until = -inf
        self.highest = -1

    def travel(self, *, demanded: bool, answer: str) -> None:
        if not demanded and self.now >= self.cache.view.unusable_from:
            self.cold_departures += 1
        else:
            self.departures.append(self.now)
        self.cache.depart(self.now, demanded=demanded)
        if answer == "good":
            key_set = a_set(*self.issuer, epoch=self.epoch, revoked=frozenset(self.tombstones))
            assert self.cache.land(key_set, self.now) is not Landing.OLDER_EPOCH
            self.held_until = self.now + H
            self.held = set(self.issuer)
        elif answer == "old":
            if self.highest > 0:
                assert self.cache.land(a_set("old", epoch=0), self.now) is Landing.OLDER_EPOCH
            else:
                self.cache.fail(self.now, None, "down")
        else:
            self.cache.fail(self.now, 20 if answer == "busy" else None, "down")
        self.highest = max(self.highest, self.cache.view.key_set.epoch or -1)

    @rule(seconds=st.sampled_from([0.01, 0.5, 1.0, 3.0, 31.0, 250.0, 2 * H]), random=st.floats(0, 0.999))
    def passes(self, seconds: float, random: float) -> None:
        self.now += seconds
        self.random = random

    @rule(answer=st.sampled_from(["good", "failed", "old", "busy"]))
    def background(self, answer: str) -> None:
        if self.cache.refresh_at(self.now) <= self.now:
            self.travel(demanded=False, answer=answer)

    @rule(kids=st.integers(1, 30), answer=st.sampled_from(["good", "failed", "old", "busy"]))
    def forged_tokens(self, kids: int, answer: str) -> None:
        for i in range(kids):
            try:
                step = self.cache.plan(f"forged-{i}", self.now)
            except TokenRefused:
                continue
            assert step is Step.FETCH
            self.travel(demanded=True, answer=answer)

    @rule()
    def rotates(self) -> None:
        self.epoch += 1
        self.issuer = {f"key-{self.epoch}"}

    @rule()
    def burns(self) -> None:
        self.epoch += 1
        self.tombstones |= self.issuer
        self.issuer = {f"key-{self.epoch}"}

    @invariant()
    def fetches_are_few_and_apart(self) -> None:
        for i, start in enumerate(self.departures):
            inside = [at for at in self.departures[i:] if at <= start + 3600]
            assert len(inside) <= 5 + (inside[-1] - start) / 30 + 1e-6
        assert all(later - earlier >= 1 for earlier, later in zip(self.departures, self.departures[1:], strict=False))

    @invariant()
    def the_view_tells_of_the_state_that_was_last_reached(self) -> None:
        cache, view = self.cache, self.cache.view
        assert view.closed_until == (-inf if cache.in_flight else cache._demand_at())
        assert (view.last_good, view.cause == "the issuer has not answered yet") == (cache.last_good, cache.last_failure is None)
        if self.now < view.closed_until:
            with pytest.raises(UnknownKey if view.last_good and self.now < view.degraded_from else KeysUnavailable):
                cache.plan("forged", self.now)
        else:
            assert cache.plan("forged", self.now) is Step.FETCH

    @invariant()
    def an_outage_loses_no_known_key_before_h(self) -> None:
        if self.now < self.held_until:
            for kid in self.held:
                assert self.cache.plan(kid, self.now) is Step.USE

    @invariant()
    def a_lower_epoch_is_never_adopted(self) -> None:
        assert (self.cache.view.key_set.epoch or -1) >= self.highest
        assert "old" not in self.cache.view.key_set.keys

    @invariant()
    def a_tombstone_never_returns(self) -> None:
        assert not self.cache.view.key_set.revoked & self.cache.view.key_set.keys.keys()


AnyHistory.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestAnyHistory = AnyHistory.TestCase


def test_a_lasting_storm_of_forged_kids_costs_the_issuer_next_to_nothing() -> None:
    cache = a_filled_cache()
    fetches = 0
    for tick in range(36_000):
        now = T + 1 + tick / 10
        try:
            cache.plan(f"forged-{tick}", now)
        except UnknownKey:
            continue
        fetch(cache, now, None, demanded=True)
        fetches += 1

    assert fetches <= 5 + 3600 / 30
