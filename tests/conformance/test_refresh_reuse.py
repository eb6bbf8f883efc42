"""A refresh token that was replaced comes back, or one that its row does not know yet: theft, and a database that lost commits; on both."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import update

from auth_server.store.refresh_family_table import REFRESH_FAMILY
from tests.support.answers import assert_refused
from tests.support.auth_app import Issuer
from tests.support.refreshing import DAY, GL, G, next_token, the_family

# Reuse


@pytest.mark.parametrize("seconds", [GL + 0.001, GL + G + 1, 10 * DAY])
async def test_a_replaced_token_ends_the_family_once_its_grace_is_over(any_issuer: Issuer, seconds: float) -> None:
    first = await any_issuer.family()
    current = next_token(await any_issuer.refresh(first))
    await any_issuer.advance(seconds)

    assert_refused(await any_issuer.refresh(first))

    assert_refused(await any_issuer.refresh(current))
    row = the_family(any_issuer)
    assert (row["revoked_at"], row["reason"], row["replay_blob"]) == (any_issuer.clock.ms, "reuse", None)


async def test_reuse_leaves_an_event_and_a_feed_entry_in_the_same_commit(any_issuer: Issuer) -> None:
    first = await any_issuer.family()
    await any_issuer.refresh(first)
    await any_issuer.advance(GL + G + 1)

    with any_issuer.counting() as cost:
        assert_refused(await any_issuer.refresh(first))

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

    assert_refused(await any_issuer.refresh(first))

    assert any_issuer.dump() == before


@pytest.mark.parametrize("table, when", [("refresh_family", "UPDATE"), ("feed_entry", "INSERT"), ("audit_event", "INSERT")])
async def test_a_reuse_that_cannot_be_stored_is_not_called_over(any_issuer: Issuer, table: str, when: str) -> None:
    """Nobody must believe that a family ended which lives on; the next presentation ends it."""
    first = await any_issuer.family()
    current = next_token(await any_issuer.refresh(first))
    await any_issuer.advance(GL + 1)
    with any_issuer.failing(table, when):
        before = any_issuer.dump()
        assert (await any_issuer.refresh(first)).status_code == 503
        assert any_issuer.dump() == before

    assert_refused(await any_issuer.refresh(first))
    assert_refused(await any_issuer.refresh(current))


# A database that lost commits


async def test_a_token_ahead_of_its_row_raises_the_alarm_and_ends_nothing(any_issuer: Issuer) -> None:
    second = next_token(await any_issuer.refresh(await any_issuer.family()))
    backup = the_family(any_issuer)
    await any_issuer.advance(G + 1)
    third = next_token(await any_issuer.refresh(second))
    _restore(any_issuer, backup)

    assert_refused(await any_issuer.refresh(third))

    assert the_family(any_issuer) == backup
    assert len(any_issuer.events("state_rollback_detected")) == 1
    assert any_issuer.rows("feed_entry") == []
    assert next_token(await any_issuer.refresh(second))


async def test_the_lost_generation_opens_nothing_once_it_was_made_anew(any_issuer: Issuer) -> None:
    second = next_token(await any_issuer.refresh(await any_issuer.family()))
    backup = the_family(any_issuer)
    await any_issuer.advance(G + 1)
    lost = next_token(await any_issuer.refresh(second))
    _restore(any_issuer, backup)
    anew = next_token(await any_issuer.refresh(second))
    before = any_issuer.dump()

    assert_refused(await any_issuer.refresh(lost))

    assert anew != lost
    assert any_issuer.dump() == before


def _restore(issuer: Issuer, row: dict[str, Any]) -> None:
    with issuer.store.engines.write.begin() as connection:
        connection.execute(update(REFRESH_FAMILY).values(**row))
