"""Refresh families through kills and races, on both databases: before the commit, after it, without a signer, and many at once."""

from __future__ import annotations

import asyncio
from pathlib import Path

from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from auth_server.protocol.refresh import MAX_REPLAYS
from tests.support.answers import assert_refused
from tests.support.auth_app import Issuer, running
from tests.support.databases import Database
from tests.support.refreshing import G, next_token, the_family

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
    assert next_token(await any_issuer.refresh(first)) != first


async def test_killed_after_the_commit_the_retry_on_another_replica_is_a_replay(
    any_issuer_database: Database, tmp_path: Path
) -> None:
    async with running(any_issuer_database, tmp_path) as killed:
        first = await killed.family()
        lost = next_token(await killed.refresh(first))  # committed, and the answer never arrived

    async with running(any_issuer_database, tmp_path) as restarted:
        assert next_token(await restarted.refresh(first)) == lost


async def test_an_ancestor_stays_dead_after_a_restart(any_issuer_database: Database, tmp_path: Path) -> None:
    async with running(any_issuer_database, tmp_path) as issuer:
        first = await issuer.family()
        second = next_token(await issuer.refresh(first))
        await issuer.advance(G + 1)
        await issuer.refresh(second)

    async with running(any_issuer_database, tmp_path) as restarted:
        assert_refused(await restarted.refresh(first))


async def test_a_signer_that_is_down_costs_no_generation(any_issuer: Issuer) -> None:
    first = await any_issuer.family()
    before = any_issuer.dump()
    any_issuer.clock.wall_error = 1_000

    assert (await any_issuer.refresh(first)).status_code == 503

    assert any_issuer.dump() == before
    any_issuer.clock.wall_error = 0
    assert next_token(await any_issuer.refresh(first))


# Many at once


async def test_64_uses_at_once_have_one_successor_and_log_nobody_out(any_issuer: Issuer) -> None:
    second = next_token(await any_issuer.refresh(await any_issuer.family()))
    await any_issuer.advance(G + 1)

    answers = await asyncio.gather(*(any_issuer.refresh(second) for _ in range(64)))

    given = {next_token(answer) for answer in answers if answer.status_code == 200}
    assert len(given) == 1
    # Those that came after twenty replays of one generation are asked to come back.
    assert {answer.status_code for answer in answers} <= {200, 429}
    assert sum(answer.status_code == 200 for answer in answers) >= 1 + MAX_REPLAYS
    assert len(any_issuer.events("refresh.rotated")) == 2
    row = the_family(any_issuer)
    assert (row["seq"], row["revoked_at"]) == (2, None)
    await any_issuer.advance(G + 1)
    assert next_token(await any_issuer.refresh(given.pop()))


async def test_two_replicas_that_are_asked_at_once_agree(any_issuer_database: Database, tmp_path: Path) -> None:
    async with running(any_issuer_database, tmp_path) as one, running(any_issuer_database, tmp_path) as other:
        first = await one.family()

        answers = await asyncio.gather(*(replica.refresh(first) for replica in (one, other) * 10))

        assert {answer.status_code for answer in answers} == {200}
        assert len({next_token(answer) for answer in answers}) == 1
        assert len(one.events("refresh.rotated")) == 1
