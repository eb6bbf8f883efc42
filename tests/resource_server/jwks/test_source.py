"""The living key source: one flight for all, nobody waits for known keys, nothing is fetched on an event loop."""

from __future__ import annotations

import asyncio
import gc
import os
import weakref
from concurrent.futures import ThreadPoolExecutor

import pytest

from resource_server.jwks import source as source_module
from resource_server.jwks.fetcher import FetchFailed
from resource_server.verifier.errors import KeysUnavailable, UnknownKey
from tests.resource_server.jwks.sources import Clock, Issuer, a_source
from tests.resource_server.support import Events, a_key_set, ec_jwk, rsa_jwk


def test_making_one_asks_nobody() -> None:
    issuer = Issuer(a_key_set())
    with a_source(issuer):
        assert issuer.threads == []


def test_warming_waits_for_the_first_keys() -> None:
    with a_source(Issuer(a_key_set())) as source:
        assert source.warm(5)
        assert source.is_usable


def test_warming_gives_up_in_time() -> None:
    issuer = Issuer(a_key_set())
    issuer.open.clear()
    with a_source(issuer) as source:
        assert not source.warm(0.05)
        assert not asyncio.run(source.awarm(0.05))


def test_the_first_token_fetches_and_is_then_worth_verifying() -> None:
    with a_source(Issuer(a_key_set())) as source:
        source.seek("one")
        assert "one" in source.view.key_set.keys


def test_a_known_kid_asks_nobody_while_another_fetch_hangs() -> None:
    issuer, clock = Issuer(a_key_set()), Clock()
    with a_source(issuer, clock) as source:
        source.warm(5)
        issuer.open.clear()
        clock.now += 5
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(source.seek, "forged")
            assert issuer.arrived.acquire(timeout=5)
            assert issuer.arrived.acquire(timeout=5)

            source.seek("one")
            assert source.attend()

            issuer.open.set()
            with pytest.raises(UnknownKey):
                waiting.result(5)


def test_a_hundred_tokens_with_unknown_kids_share_one_fetch() -> None:
    issuer, clock = Issuer(a_key_set()), Clock()
    with a_source(issuer, clock) as source:
        source.warm(5)
        clock.now += 5
        issuer.open.clear()

        async def storm() -> list[object]:
            tasks = [asyncio.ensure_future(source.aseek(f"forged-{i}")) for i in range(100)]
            while source._waiters < 100:
                await asyncio.sleep(0)
            with pytest.raises(KeysUnavailable):
                await source.aseek("one-too-many")
            issuer.open.set()
            return await asyncio.gather(*tasks, return_exceptions=True)

        outcomes = asyncio.run(storm())

    assert all(isinstance(outcome, UnknownKey) for outcome in outcomes)
    assert len(issuer.threads) == 2
    assert source._waiters == 0


def test_fetches_run_on_the_sources_own_thread() -> None:
    issuer = Issuer(a_key_set())
    with a_source(issuer) as source:
        asyncio.run(source.aseek("one"))

    assert issuer.threads == ["resource-server-keys"]


def test_who_waits_too_long_hears_that_nothing_can_be_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_module, "WAIT_SECONDS", 0.05)
    issuer = Issuer(a_key_set())
    issuer.open.clear()
    with a_source(issuer) as source:
        with pytest.raises(KeysUnavailable):
            source.seek("one")
        with pytest.raises(KeysUnavailable):
            asyncio.run(source.aseek("one"))


def test_a_failed_fetch_changes_nothing_and_is_told() -> None:
    issuer, clock = Issuer(a_key_set(), FetchFailed("status 500")), Clock()
    with a_source(issuer, clock) as source:
        source.warm(5)
        clock.now += 5
        with pytest.raises(KeysUnavailable):
            source.seek("new")

        source.seek("one")
        assert source.last_failure == "status 500"
        assert (source.fetches, source.failed_fetches) == (2, 1)


def test_a_key_of_another_algorithm_is_told_without_a_warning_and_a_bad_one_with() -> None:
    """An issuer has a ring for each algorithm that any API of its asks for; the others are none of ours."""
    events = Events()
    with a_source(Issuer(a_key_set(rsa_jwk(), ec_jwk(), rsa_jwk("bad", n="AQAB"))), tell=events) as source:
        source.warm(5)

    told = {fields["kid"]: level for level, event, fields in events if event == "key_skipped"}
    assert told == {"ec": "info", "bad": "warning"}


def test_an_older_answer_is_told_and_the_validator_forgotten() -> None:
    issuer, clock = Issuer(a_key_set(epoch=7), a_key_set(rsa_jwk("two"), epoch=6)), Clock()
    with a_source(issuer, clock) as source:
        source.warm(5)
        clock.now += 5
        with pytest.raises(KeysUnavailable):
            source.seek("two")
        assert "epoch" in (source.last_failure or "")

    source._thread.join(5)  # type: ignore[union-attr]
    assert issuer.forgot == 1


def test_a_cancelled_waiter_leaves_the_flight_to_the_others() -> None:
    issuer = Issuer(a_key_set())
    issuer.open.clear()
    with a_source(issuer) as source:

        async def two_waiters() -> None:
            one, two = (asyncio.ensure_future(source.aseek("one")) for _ in range(2))
            while source._waiters < 2:
                await asyncio.sleep(0)
            one.cancel()
            issuer.open.set()
            await two
            assert one.cancelled() or isinstance(await asyncio.gather(one, return_exceptions=True), list)

        asyncio.run(two_waiters())
        assert source._waiters == 0


def test_keys_that_grow_old_are_called_degraded_once_and_used_until_h() -> None:
    issuer, clock, events = Issuer(a_key_set(), FetchFailed("down")), Clock(), Events()
    with a_source(issuer, clock, tell=events) as source:
        source.warm(5)
        clock.now += 301
        assert source.attend()
        assert source.attend()
        assert source.is_degraded
        clock.now += 86_400
        assert not source.attend()
        assert not source.is_usable

    assert len(events.named("keys_degraded")) == 1


def test_a_closed_source_keeps_what_it_has_and_fetches_no_more() -> None:
    issuer, clock = Issuer(a_key_set()), Clock()
    with a_source(issuer, clock) as source:
        source.warm(5)
        source.close()
        source._thread.join(5)  # type: ignore[union-attr]
        clock.now += 5

        source.seek("one")
        with pytest.raises(KeysUnavailable):
            source.seek("new")
        assert source._thread is not None
        assert not source._thread.is_alive()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_child_fetches_for_itself() -> None:
    """A preforking server builds the guard first and forks then: threads stay behind, locks may be held."""
    clock, issuer = Clock(), Issuer(a_key_set(), a_key_set(rsa_jwk("two")))
    with a_source(issuer, clock) as source:
        source.warm(5)
        source._condition.acquire()
        child = os.fork()
        if child == 0:
            clock.now += 5
            source.seek("two")
            os._exit(0 if "two" in source.view.key_set.keys else 1)
        source._condition.release()
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_source_that_nobody_holds_any_more_does_not_live_on_in_the_fork_hook() -> None:
    issuer = Issuer(a_key_set())
    with a_source(issuer) as source:
        pass
    hook = weakref.WeakMethod(source._begin)
    del source
    gc.collect()

    assert hook() is None
