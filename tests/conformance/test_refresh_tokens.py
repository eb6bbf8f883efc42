"""Refresh families on both databases, through the running server: rotation, and answers that were lost."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from auth_server.protocol.refresh import MAX_REPLAYS
from tests.support.answers import assert_refused
from tests.support.auth_app import Issuer, running
from tests.support.databases import Database
from tests.support.keys import claims_of
from tests.support.refreshing import DAY, GL, G, let_rotate, next_token, the_family, wiped


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


# Rotation


async def test_the_first_use_rotates(any_issuer: Issuer) -> None:
    first = await any_issuer.family()

    second = next_token(await any_issuer.refresh(first))

    assert second != first
    row = the_family(any_issuer)
    assert (row["seq"], row["cur_hash"], row["prev_hash"]) == (1, _digest(second), _digest(first))
    assert len(any_issuer.events("refresh.rotated")) == 1


async def test_within_the_quiet_window_the_same_token_is_answered(any_issuer: Issuer) -> None:
    current = next_token(await any_issuer.refresh(await any_issuer.family()))
    await any_issuer.advance(G)

    again = await any_issuer.refresh(current)

    assert next_token(again) == current
    assert the_family(any_issuer)["cur_seen"] is True
    await any_issuer.advance(0.001)
    assert next_token(await any_issuer.refresh(current)) != current


async def test_each_answer_has_an_access_token_of_its_own(any_issuer: Issuer) -> None:
    first = await any_issuer.family()
    answers = [(await any_issuer.refresh(first)).json() for _ in range(3)]

    assert len({claims_of(answer["access_token"])["jti"] for answer in answers}) == 3
    assert len({answer["refresh_token"] for answer in answers}) == 1


async def test_access_tokens_name_their_family(any_issuer: Issuer) -> None:
    answer = (await any_issuer.refresh(await any_issuer.family())).json()

    (event_,) = any_issuer.events("family.started")
    assert claims_of(answer["access_token"])["grant_id"] == event_["grant_id"]


# A lost answer


@pytest.mark.parametrize("seconds", [0, G, GL])
async def test_a_lost_answer_is_given_again_byte_for_byte(any_issuer: Issuer, seconds: float) -> None:
    first = await any_issuer.family()
    lost = next_token(await any_issuer.refresh(first))
    await any_issuer.advance(seconds)

    assert next_token(await any_issuer.refresh(first)) == lost
    assert the_family(any_issuer)["replay_count"] == 1
    assert len(any_issuer.events("refresh.replayed")) == 1


async def test_the_successor_stays_while_it_may_be_asked_for_and_no_longer(any_issuer: Issuer) -> None:
    """It may be asked for until GL + G after the rotation: within G of a replay at the last moment."""
    first = await any_issuer.family()
    successor = next_token(await any_issuer.refresh(first))
    await any_issuer.advance(GL)
    await any_issuer.refresh(first)
    await any_issuer.refresh(successor)
    await any_issuer.advance(G)

    assert wiped(any_issuer) == 0
    assert next_token(await any_issuer.refresh(first)) == successor
    any_issuer.clock.advance(0.001)
    assert wiped(any_issuer) == 1
    assert the_family(any_issuer)["replay_blob"] is None


async def test_the_successor_of_a_confidential_client_stays_for_a_day(any_issuer: Issuer) -> None:
    await let_rotate(any_issuer, "app")
    await any_issuer.refresh(await any_issuer.family("app"), "app")

    any_issuer.clock.advance(DAY + G)
    assert wiped(any_issuer) == 0
    any_issuer.clock.advance(0.001)
    assert wiped(any_issuer) == 1


async def test_one_generation_is_replayed_twenty_times_and_then_slowed_down_and_never_ended(any_issuer: Issuer) -> None:
    first = await any_issuer.family()
    successor = next_token(await any_issuer.refresh(first))
    for _ in range(MAX_REPLAYS):
        assert next_token(await any_issuer.refresh(first)) == successor
    before = the_family(any_issuer)

    slowed = await any_issuer.refresh(first)

    assert (slowed.status_code, slowed.json()["error"]) == (429, "slow_down")
    assert int(slowed.headers["retry-after"]) > 0
    assert the_family(any_issuer) == before
    assert len(any_issuer.events("refresh.throttled")) == 1
    await any_issuer.advance(G + 1)
    assert next_token(await any_issuer.refresh(successor)) != successor


async def test_the_strict_policy_accepts_nothing_twice(any_issuer_database: Database, tmp_path: Path) -> None:
    async with running(any_issuer_database, tmp_path, {"REFRESH_RETRY_GRACE": "0"}) as issuer:
        first = await issuer.family()
        second = next_token(await issuer.refresh(first))
        await issuer.refresh(second)

        assert_refused(await issuer.refresh(first))
        assert_refused(await issuer.refresh(second))
