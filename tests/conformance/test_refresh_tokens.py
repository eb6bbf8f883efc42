"""Refresh families on both databases, through the running server: rotation, lost answers, reuse, lost commits, kills and races."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import event, update
from sqlalchemy.exc import OperationalError

from auth_server.protocol.refresh import MAX_REPLAYS
from auth_server.store.refresh_family_table import REFRESH_FAMILY
from auth_server.store.transaction import Transaction
from tests.support.auth_app import Issuer, running
from tests.support.databases import Database
from tests.support.keys import claims_of

G, GL = 30, 120
DAY = 86_400


def _row(issuer: Issuer) -> dict[str, Any]:
    (row,) = issuer.rows("refresh_family")
    return row


def _token(answer: httpx2.Response) -> str:
    assert answer.status_code == 200, answer.text
    token: str = answer.json()["refresh_token"]
    return token


def _assert_refused(answer: httpx2.Response, error: str = "invalid_grant") -> None:
    assert (answer.status_code, answer.json()["error"]) == (400, error)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


# Rotation


async def test_the_first_use_rotates(any_issuer: Issuer) -> None:
    first = await any_issuer.family()

    second = _token(await any_issuer.refresh(first))

    assert second != first
    row = _row(any_issuer)
    assert (row["seq"], row["cur_hash"], row["prev_hash"]) == (1, _digest(second), _digest(first))
    assert len(any_issuer.events("refresh.rotated")) == 1


async def test_within_the_quiet_window_the_same_token_is_answered(any_issuer: Issuer) -> None:
    current = _token(await any_issuer.refresh(await any_issuer.family()))
    await any_issuer.advance(G)

    again = await any_issuer.refresh(current)

    assert _token(again) == current
    assert _row(any_issuer)["cur_seen"] is True
    await any_issuer.advance(0.001)
    assert _token(await any_issuer.refresh(current)) != current


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
    lost = _token(await any_issuer.refresh(first))
    await any_issuer.advance(seconds)

    assert _token(await any_issuer.refresh(first)) == lost
    assert _row(any_issuer)["replay_count"] == 1
    assert len(any_issuer.events("refresh.replayed")) == 1


async def test_the_successor_stays_while_it_may_be_asked_for_and_no_longer(any_issuer: Issuer) -> None:
    """It may be asked for until GL + G after the rotation: within G of a replay at the last moment."""
    first = await any_issuer.family()
    successor = _token(await any_issuer.refresh(first))
    await any_issuer.advance(GL)
    await any_issuer.refresh(first)
    await any_issuer.refresh(successor)
    await any_issuer.advance(G)

    assert await any_issuer.store.run(lambda tx: tx.refresh_tokens.wipe_replays(grace_ms=GL * 1000, quiet_ms=G * 1000)) == 0
    assert _token(await any_issuer.refresh(first)) == successor
    any_issuer.clock.advance(0.001)
    assert await any_issuer.store.run(lambda tx: tx.refresh_tokens.wipe_replays(grace_ms=GL * 1000, quiet_ms=G * 1000)) == 1
    assert _row(any_issuer)["replay_blob"] is None


async def test_the_successor_of_a_confidential_client_stays_for_a_day(any_issuer: Issuer) -> None:
    await _let_rotate(any_issuer, "app")
    await any_issuer.refresh(await any_issuer.family("app"), "app")

    def wipe() -> int:
        return any_issuer.store.run_blocking(lambda tx: tx.refresh_tokens.wipe_replays(grace_ms=GL * 1000, quiet_ms=G * 1000))

    any_issuer.clock.advance(DAY + G)
    assert wipe() == 0
    any_issuer.clock.advance(0.001)
    assert wipe() == 1


async def test_one_generation_is_replayed_twenty_times_and_then_slowed_down_and_never_ended(any_issuer: Issuer) -> None:
    first = await any_issuer.family()
    successor = _token(await any_issuer.refresh(first))
    for _ in range(MAX_REPLAYS):
        assert _token(await any_issuer.refresh(first)) == successor
    before = _row(any_issuer)

    slowed = await any_issuer.refresh(first)

    assert (slowed.status_code, slowed.json()["error"]) == (429, "slow_down")
    assert int(slowed.headers["retry-after"]) > 0
    assert _row(any_issuer) == before
    assert len(any_issuer.events("refresh.throttled")) == 1
    await any_issuer.advance(G + 1)
    assert _token(await any_issuer.refresh(successor)) != successor


async def test_the_strict_policy_accepts_nothing_twice(any_issuer_database: Database, tmp_path: Path) -> None:
    async with running(any_issuer_database, tmp_path, {"REFRESH_RETRY_GRACE": "0"}) as issuer:
        first = await issuer.family()
        second = _token(await issuer.refresh(first))
        await issuer.refresh(second)

        _assert_refused(await issuer.refresh(first))
        _assert_refused(await issuer.refresh(second))


# Reuse


@pytest.mark.parametrize("seconds", [GL + 0.001, GL + G + 1, 10 * DAY])
async def test_a_replaced_token_ends_the_family_once_its_grace_is_over(any_issuer: Issuer, seconds: float) -> None:
    first = await any_issuer.family()
    current = _token(await any_issuer.refresh(first))
    await any_issuer.advance(seconds)

    _assert_refused(await any_issuer.refresh(first))

    _assert_refused(await any_issuer.refresh(current))
    row = _row(any_issuer)
    assert (row["revoked_at"], row["reason"], row["replay_blob"]) == (any_issuer.clock.ms, "reuse", None)


async def test_reuse_leaves_an_event_and_a_feed_entry_in_the_same_commit(any_issuer: Issuer) -> None:
    first = await any_issuer.family()
    await any_issuer.refresh(first)
    await any_issuer.advance(GL + G + 1)

    with any_issuer.counting() as cost:
        _assert_refused(await any_issuer.refresh(first))

    assert cost.commits == 1
    (event_,) = any_issuer.events("refresh.reused")
    (entry,) = any_issuer.rows("feed_entry")
    assert (entry["kind"], entry["key"]) == ("grant", event_["grant_id"])
    assert entry["until"] >= any_issuer.clock.now() + 600 + 60
    assert event_["sub"] == await any_issuer.sub()


async def test_the_second_of_two_thieves_changes_nothing_more(any_issuer: Issuer) -> None:
    first = await any_issuer.family()
    await any_issuer.refresh(first)
    await any_issuer.advance(GL + 1)
    await any_issuer.refresh(first)
    before = any_issuer.dump()

    _assert_refused(await any_issuer.refresh(first))

    assert any_issuer.dump() == before


@pytest.mark.parametrize("table, when", [("refresh_family", "UPDATE"), ("feed_entry", "INSERT"), ("audit_event", "INSERT")])
async def test_a_reuse_that_cannot_be_stored_is_not_called_over(any_issuer: Issuer, table: str, when: str) -> None:
    """Nobody must believe that a family ended which lives on; the next presentation ends it."""
    first = await any_issuer.family()
    current = _token(await any_issuer.refresh(first))
    await any_issuer.advance(GL + 1)
    with any_issuer.failing(table, when):
        before = any_issuer.dump()
        assert (await any_issuer.refresh(first)).status_code == 503
        assert any_issuer.dump() == before

    _assert_refused(await any_issuer.refresh(first))
    _assert_refused(await any_issuer.refresh(current))


# A database that lost commits


async def test_a_token_ahead_of_its_row_raises_the_alarm_and_ends_nothing(any_issuer: Issuer) -> None:
    second = _token(await any_issuer.refresh(await any_issuer.family()))
    backup = _row(any_issuer)
    await any_issuer.advance(G + 1)
    third = _token(await any_issuer.refresh(second))
    _restore(any_issuer, backup)

    _assert_refused(await any_issuer.refresh(third))

    assert _row(any_issuer) == backup
    assert len(any_issuer.events("state_rollback_detected")) == 1
    assert any_issuer.rows("feed_entry") == []
    assert _token(await any_issuer.refresh(second))


async def test_the_lost_generation_opens_nothing_once_it_was_made_anew(any_issuer: Issuer) -> None:
    second = _token(await any_issuer.refresh(await any_issuer.family()))
    backup = _row(any_issuer)
    await any_issuer.advance(G + 1)
    lost = _token(await any_issuer.refresh(second))
    _restore(any_issuer, backup)
    anew = _token(await any_issuer.refresh(second))
    before = any_issuer.dump()

    _assert_refused(await any_issuer.refresh(lost))

    assert anew != lost
    assert any_issuer.dump() == before


# Kills


async def test_killed_before_the_commit_the_old_token_still_works(any_issuer: Issuer) -> None:
    first = await any_issuer.family()
    before = any_issuer.dump()
    engine = any_issuer.store.engines.write

    def die(_connection: object) -> None:
        event.remove(engine, "commit", die)
        raise OperationalError("COMMIT", {}, Exception("the server was killed"))

    event.listen(engine, "commit", die)
    answer = await any_issuer.refresh(first)

    assert answer.status_code == 503
    assert any_issuer.dump() == before
    assert _token(await any_issuer.refresh(first)) != first


async def test_killed_after_the_commit_the_retry_on_another_replica_is_a_replay(
    any_issuer_database: Database, tmp_path: Path
) -> None:
    async with running(any_issuer_database, tmp_path) as killed:
        first = await killed.family()
        lost = _token(await killed.refresh(first))  # committed, and the answer never arrived

    async with running(any_issuer_database, tmp_path) as restarted:
        assert _token(await restarted.refresh(first)) == lost


async def test_an_ancestor_stays_dead_after_a_restart(any_issuer_database: Database, tmp_path: Path) -> None:
    async with running(any_issuer_database, tmp_path) as issuer:
        first = await issuer.family()
        second = _token(await issuer.refresh(first))
        await issuer.advance(G + 1)
        await issuer.refresh(second)

    async with running(any_issuer_database, tmp_path) as restarted:
        _assert_refused(await restarted.refresh(first))


async def test_a_signer_that_is_down_costs_no_generation(any_issuer: Issuer) -> None:
    first = await any_issuer.family()
    before = any_issuer.dump()
    any_issuer.clock.wall_error = 1_000

    assert (await any_issuer.refresh(first)).status_code == 503

    assert any_issuer.dump() == before
    any_issuer.clock.wall_error = 0
    assert _token(await any_issuer.refresh(first))


# Many at once


async def test_64_uses_at_once_have_one_successor_and_log_nobody_out(any_issuer: Issuer) -> None:
    second = _token(await any_issuer.refresh(await any_issuer.family()))
    await any_issuer.advance(G + 1)

    answers = await asyncio.gather(*(any_issuer.refresh(second) for _ in range(64)))

    given = {_token(answer) for answer in answers if answer.status_code == 200}
    assert len(given) == 1
    # Those that came after twenty replays of one generation are asked to come back.
    assert {answer.status_code for answer in answers} <= {200, 429}
    assert sum(answer.status_code == 200 for answer in answers) >= 1 + MAX_REPLAYS
    assert len(any_issuer.events("refresh.rotated")) == 2
    row = _row(any_issuer)
    assert (row["seq"], row["revoked_at"]) == (2, None)
    await any_issuer.advance(G + 1)
    assert _token(await any_issuer.refresh(given.pop()))


async def test_two_replicas_that_are_asked_at_once_agree(any_issuer_database: Database, tmp_path: Path) -> None:
    async with running(any_issuer_database, tmp_path) as one, running(any_issuer_database, tmp_path) as other:
        first = await one.family()

        answers = await asyncio.gather(*(replica.refresh(first) for replica in (one, other) * 10))

        assert {answer.status_code for answer in answers} == {200}
        assert len({_token(answer) for answer in answers}) == 1
        assert len(one.events("refresh.rotated")) == 1


def _restore(issuer: Issuer, row: dict[str, Any]) -> None:
    with issuer.store.engines.write.begin() as connection:
        connection.execute(update(REFRESH_FAMILY).values(**row))


async def _let_rotate(issuer: Issuer, client_id: str) -> None:
    client = await issuer.services.clients.find(client_id)
    assert client is not None
    changed = type(client)(**{name: getattr(client, name) for name in client.__slots__} | {"rotates_refresh_tokens": True})

    def work(tx: Transaction) -> None:
        tx.clients.update(changed)
        tx.change_directory()

    await issuer.store.run(work)
