"""Every cell of the table, and the laws over any sequence of what may happen."""

from __future__ import annotations

from math import inf

import pytest

from resource_server.jwks.cache import HEALTHY_FACTOR, KeyCache, Landing, Step
from resource_server.verifier.errors import KeysUnavailable, RevokedKey, UnknownKey
from resource_server.verifier.key_set import KeySet
from tests.resource_server.support import a_key_set, rsa_jwk

REFRESH = 240.0
M = HEALTHY_FACTOR * REFRESH
H = 86_400.0
T = 1_000.0

ONE = a_key_set(rsa_jwk("one")).keys["one"]


def a_set(*kids: str, epoch: int | None = None, revoked: frozenset[str] = frozenset()) -> KeySet:
    return KeySet(dict.fromkeys(kids, ONE), revoked, epoch)


def a_cache(random: float = 0.5) -> KeyCache:
    return KeyCache(REFRESH, H, lambda: random)


def fetch(cache: KeyCache, now: float, key_set: KeySet | None, *, demanded: bool = False) -> Landing:
    cache.depart(now, demanded=demanded)
    return cache.land(key_set, now)


def a_filled_cache(**members) -> KeyCache:
    cache = a_cache()
    fetch(cache, T, a_set("one", **members))
    return cache


def drain(cache: KeyCache, now: float) -> None:
    """Use up the bucket by demands that are answered well, one a second, ending at `now`."""
    for i in range(4, -1, -1):
        assert cache.plan("forged", now - i) is Step.FETCH
        fetch(cache, now - i, None, demanded=True)


# The table: age <= M, > M, > H.


@pytest.mark.parametrize("age", [0.0, M - 1, M + 1, H - 1])
def test_a_known_kid_is_used_until_h(age: float) -> None:
    assert a_filled_cache().plan("one", T + age) is Step.USE


@pytest.mark.parametrize("age", [0.0, M + 1, H + 1])
def test_a_revoked_kid_is_refused_at_any_age(age: float) -> None:
    with pytest.raises(RevokedKey):
        a_filled_cache(revoked=frozenset({"burned"})).plan("burned", T + age)


@pytest.mark.parametrize("age", [2.0, M - 1, M + 1, H + 1])
def test_an_unknown_kid_is_looked_for_while_the_bucket_has_something(age: float) -> None:
    assert a_filled_cache().plan("new", T + age) is Step.FETCH


def test_a_known_kid_older_than_h_is_looked_for() -> None:
    assert a_filled_cache().plan("one", T + H + 1) is Step.FETCH


def test_an_unknown_kid_is_refused_when_the_bucket_is_empty_and_the_last_fetch_was_good() -> None:
    cache = a_filled_cache()
    drain(cache, T + 100)

    with pytest.raises(UnknownKey):
        cache.plan("new", T + 101)


def test_an_unknown_kid_cannot_be_judged_when_the_bucket_is_empty_and_the_last_fetch_failed() -> None:
    cache = a_filled_cache()
    drain(cache, T + 100)
    cache.depart(T + 101, demanded=False)
    cache.fail(T + 101)

    with pytest.raises(KeysUnavailable):
        cache.plan("new", T + 102)


@pytest.mark.parametrize("age", [M + 1, H + 1])
def test_nothing_unknown_can_be_judged_from_old_keys_with_an_empty_bucket(age: float) -> None:
    cache = a_filled_cache()
    fetch(cache, T, None)
    for i in range(5):
        cache.depart(T + age - 5 + i, demanded=True)
        cache.fail(T + age - 5 + i)

    for kid in ("new", *(("one",) if age > H else ())):
        with pytest.raises(KeysUnavailable) as refusal:
            cache.plan(kid, T + age)
        assert 1 <= (refusal.value.retry_after or 0) <= 31


def test_nothing_unknown_is_refused_for_certain_by_keys_older_than_m_even_after_a_good_fetch() -> None:
    """Where M is shorter than the second between two fetches, that is the one moment in which both can be."""
    cache = KeyCache(0.5, H, lambda: 0.5)
    fetch(cache, T, a_set("one"))

    with pytest.raises(UnknownKey):
        cache.plan("new", T + 0.6)
    with pytest.raises(KeysUnavailable):
        cache.plan("new", T + 0.7)


def test_without_any_set_the_first_token_asks_and_later_ones_wait_for_the_same_fetch() -> None:
    cache = a_cache()

    assert cache.plan("one", T) is Step.FETCH
    cache.depart(T, demanded=True)
    assert cache.plan("two", T) is Step.FETCH
    assert cache.refresh_at(T) == inf


# After waiting.


def test_a_good_answer_settles_an_unknown_kid() -> None:
    cache = a_filled_cache()

    cache.settle("one", T, answered=True)
    with pytest.raises(UnknownKey):
        cache.settle("new", T, answered=True)


def test_a_fetch_that_is_not_done_or_failed_settles_nothing() -> None:
    cache = a_filled_cache()
    with pytest.raises(KeysUnavailable):
        cache.settle("new", T, answered=False)

    cache.depart(T + 2, demanded=True)
    cache.fail(T + 2)

    with pytest.raises(KeysUnavailable):
        cache.settle("new", T + 2, answered=True)
    with pytest.raises(KeysUnavailable):
        a_filled_cache().settle("one", T + H + 1, answered=True)


def test_a_kid_that_turns_out_revoked_is_refused() -> None:
    with pytest.raises(RevokedKey):
        a_filled_cache(revoked=frozenset({"burned"})).settle("burned", T, answered=True)


# Replacing.


def test_a_set_replaces_the_one_before_and_is_never_merged() -> None:
    cache = a_filled_cache()

    assert fetch(cache, T + 10, a_set("two")) is Landing.ADOPTED
    assert set(cache.view.key_set.keys) == {"two"}


def test_an_equal_set_or_not_modified_only_renews_the_age() -> None:
    cache = a_filled_cache(epoch=1)
    before = cache.view

    assert fetch(cache, T + 100, a_set("one", epoch=1)) is Landing.UNCHANGED
    assert fetch(cache, T + 200, None) is Landing.UNCHANGED
    assert cache.view.key_set is before.key_set
    assert cache.view.generation == before.generation
    assert cache.view.degraded_from == T + 200 + M


@pytest.mark.parametrize("epoch", [6, None])
def test_a_lower_or_missing_epoch_is_not_adopted_and_counts_as_a_failure(epoch: int | None) -> None:
    cache = a_filled_cache(epoch=7)

    assert fetch(cache, T + 10, a_set("old", epoch=epoch)) is Landing.OLDER_EPOCH
    assert set(cache.view.key_set.keys) == {"one"}
    assert not cache.last_good


def test_an_issuer_without_epochs_is_taken_as_it_comes() -> None:
    cache = a_filled_cache()

    assert fetch(cache, T + 10, a_set("two")) is Landing.ADOPTED
    assert fetch(cache, T + 20, a_set("three", epoch=1)) is Landing.ADOPTED


def test_what_was_revoked_stays_revoked_whatever_a_later_answer_says() -> None:
    cache = a_filled_cache(revoked=frozenset({"burned"}))

    fetch(cache, T + 10, a_set("burned", "two"))

    assert set(cache.view.key_set.keys) == {"two"}
    with pytest.raises(RevokedKey):
        cache.plan("burned", T + 10)


def test_a_new_tombstone_makes_a_new_generation() -> None:
    cache = a_filled_cache()
    before = cache.view.generation

    fetch(cache, T + 10, a_set("one", revoked=frozenset({"burned"})))

    assert cache.view.generation == before + 1


def test_the_age_counts_from_the_start_of_the_fetch() -> None:
    cache = a_cache()
    cache.depart(T, demanded=False)
    cache.land(a_set("one"), T + 4)

    assert cache.view.degraded_from == T + M


def test_a_restored_set_keeps_its_age_and_its_epoch() -> None:
    cache = a_cache()
    cache.restore(a_set("one", epoch=7), T - 1000)

    assert cache.view.unusable_from == T - 1000 + H
    assert cache.plan("one", T) is Step.USE
    assert fetch(cache, T, a_set("old", epoch=6)) is Landing.OLDER_EPOCH


# When.


@pytest.mark.parametrize("random, after", [(0.0, 216.0), (0.5, 240.0), (0.999999, 264.0)])
def test_keys_are_refreshed_every_interval_give_or_take_a_tenth(random: float, after: float) -> None:
    cache = a_cache(random)
    fetch(cache, T, a_set("one"))

    assert cache.refresh_at(T) == pytest.approx(T + after, abs=0.01)
    assert after + 5 <= M


def test_retries_double_up_to_half_a_minute_with_full_jitter() -> None:
    cache = a_cache(0.999999)
    now, delays = T, []
    for _ in range(8):
        cache.depart(now, demanded=False)
        cache.fail(now)
        delays.append(cache.refresh_at(now) - now)
        now = cache.refresh_at(now)

    assert delays == pytest.approx([1, 2, 4, 8, 16, 30, 30, 30], rel=0.001)


def test_a_retry_is_never_sooner_than_a_second() -> None:
    cache = a_cache(0.0)
    cache.depart(T, demanded=False)
    cache.fail(T)

    assert cache.refresh_at(T) == T + 1


def test_within_a_second_of_a_fetch_the_bucket_counts_as_empty() -> None:
    cache = a_filled_cache()

    with pytest.raises(UnknownKey):
        cache.plan("new", T + 0.99)
    assert cache.plan("new", T + 1) is Step.FETCH
    cache.depart(T + 1, demanded=True)
    cache.fail(T + 1)
    with pytest.raises(KeysUnavailable):
        cache.plan("new", T + 1.99)
    assert cache.plan("new", T + 2) is Step.FETCH


def test_retry_after_is_obeyed_by_everybody() -> None:
    cache = a_filled_cache()
    cache.depart(T + 10, demanded=False)
    cache.fail(T + 10, retry_after=60)

    assert cache.refresh_at(T + 10) == T + 70
    with pytest.raises(KeysUnavailable) as refusal:
        cache.plan("new", T + 11)
    assert refusal.value.retry_after
    assert cache.plan("one", T + 11) is Step.USE
    assert cache.plan("new", T + 70) is Step.FETCH


def test_an_absurd_retry_after_is_cut_to_the_interval() -> None:
    cache = a_filled_cache()
    cache.depart(T, demanded=False)
    cache.fail(T, retry_after=1e9)

    assert cache.refresh_at(T) == T + REFRESH


def test_while_nothing_is_usable_background_retries_leave_the_bucket_to_requests() -> None:
    cache = a_cache(0.0)
    for i in range(20):
        cache.depart(T + i, demanded=False)
        cache.fail(T + i)

    assert cache.plan("one", T + 21) is Step.FETCH


def test_a_kid_that_is_not_here_is_refused_at_once_while_nobody_may_ask_for_it() -> None:
    cache = a_filled_cache()
    with pytest.raises(UnknownKey):
        cache.view.refuse("other", T + 0.5)

    cache.depart(T + 1, demanded=True)
    cache.view.refuse("other", T + 1.1)  # a fetch is in flight: it is waited for
    cache.fail(T + 1.2, None, "status 500")
    with pytest.raises(KeysUnavailable) as refused:
        cache.view.refuse("other", T + 1.3)
    assert (refused.value.hint or "").endswith("status 500")
    cache.view.refuse("other", T + 2)


def test_a_fetch_that_will_never_land_is_not_waited_for() -> None:
    cache = a_filled_cache()
    cache.depart(T + 1, demanded=True)

    cache.abandon(T + 1.1)

    with pytest.raises(UnknownKey):
        cache.plan("other", T + 1.2)
    assert cache.plan("other", T + 2) is Step.FETCH
