"""Replays that a bad network does not explain, tokens that are bound to a key, a row that is never as it was read; on both databases."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import update

from auth_server.store.refresh_family_table import REFRESH_FAMILY
from tests.support.auth_app import Issuer, running
from tests.support.databases import Database
from tests.support.refreshing import DAY, G, next_token, the_family, wiped

SUSPICIOUS = "refresh_replay_suspicious"


async def _generation(issuer: Issuer, token: str, *, replays: int) -> tuple[str, list[int]]:
    """Rotate a token, and present it again so often; return the successor, old enough to rotate, and how each retry was answered."""
    successor = next_token(await issuer.refresh(token))
    statuses = [(await issuer.refresh(token)).status_code for _ in range(replays)]
    await issuer.advance(G + 1)
    return successor, statuses


async def test_replays_in_three_generations_on_end_are_told_once_each_and_end_nothing(any_issuer: Issuer) -> None:
    token = await any_issuer.family()
    for _ in range(4):
        token, statuses = await _generation(any_issuer, token, replays=2)
        assert statuses == [200, 200]

    told = any_issuer.events(SUSPICIOUS)
    assert [event["outcome"] for event in told] == ["alarm", "alarm"]  # of the third generation, and of the fourth
    assert (told[0]["client_id"], told[0]["sub"]) == ("spa", await any_issuer.sub())
    assert the_family(any_issuer)["revoked_at"] is None


async def test_a_generation_without_a_replay_begins_the_count_anew(any_issuer: Issuer) -> None:
    token = await any_issuer.family()
    for replays in (1, 1, 0, 1, 1):
        token, _ = await _generation(any_issuer, token, replays=replays)

    assert any_issuer.events(SUSPICIOUS) == []


async def test_a_policy_may_turn_it_into_the_end_of_the_family(any_issuer_database: Database, tmp_path: Path) -> None:
    async with running(any_issuer_database, tmp_path, {"REFRESH_SUSPICIOUS_REPLAYS": "revoke"}) as issuer:
        token = await issuer.family()
        for _ in range(2):
            token, _ = await _generation(issuer, token, replays=1)

        successor, statuses = await _generation(issuer, token, replays=1)

        assert statuses == [400]
        assert [event["outcome"] for event in issuer.events(SUSPICIOUS)] == ["revoked"]
        assert the_family(issuer)["reason"] == "suspicious_replays"
        assert [entry["kind"] for entry in issuer.rows("feed_entry")] == ["grant"]
        assert (await issuer.refresh(successor)).json()["error"] == "invalid_grant"


async def test_a_family_that_is_bound_to_a_key_is_nobodys_without_the_proof(any_issuer: Issuer) -> None:
    token = await any_issuer.family()
    _bind(any_issuer)
    before = any_issuer.dump()

    answer = await any_issuer.refresh(token)

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    assert any_issuer.dump() == before


async def test_the_successor_of_a_bound_token_stays_for_a_day(any_issuer: Issuer) -> None:
    await any_issuer.refresh(await any_issuer.family())
    _bind(any_issuer)

    any_issuer.clock.advance(DAY + G)
    assert wiped(any_issuer) == 0
    any_issuer.clock.advance(0.001)
    assert wiped(any_issuer) == 1


@pytest.mark.parametrize("age", ["first use", "replay"])
async def test_a_row_that_is_never_as_it_was_read_is_tried_three_times_and_then_answered_503(
    any_issuer: Issuer, age: str
) -> None:
    token = await any_issuer.family()
    if age == "replay":
        await any_issuer.refresh(token)
    before = any_issuer.dump()

    with _no_guard_holding(any_issuer), any_issuer.counting() as cost:
        answer = await any_issuer.refresh(token)

    assert (answer.status_code, answer.json()["error"]) == (503, "temporarily_unavailable")
    assert answer.headers["retry-after"] == "1"
    assert sum(statement.startswith("UPDATE refresh_family") for statement in cost.statements) == 3
    assert any_issuer.dump() == before


def _bind(issuer: Issuer) -> None:
    with issuer.store.engines.write.begin() as connection:
        connection.execute(update(REFRESH_FAMILY).values(cnf='{"jkt":"a-thumbprint"}'))


@contextlib.contextmanager
def _no_guard_holding(issuer: Issuer) -> Iterator[None]:
    """Let every UPDATE of a family change no row, as if somebody else had always been quicker."""
    if issuer.database.is_sqlite:
        begin = ["CREATE TRIGGER quicker BEFORE UPDATE ON refresh_family BEGIN SELECT RAISE(IGNORE); END"]
        end = ["DROP TRIGGER quicker"]
    else:
        body = "CREATE FUNCTION quicker() RETURNS trigger AS $$ BEGIN RETURN NULL; END $$ LANGUAGE plpgsql"
        each = "CREATE TRIGGER quicker BEFORE UPDATE ON refresh_family FOR EACH ROW EXECUTE FUNCTION quicker()"
        begin, end = [body, each], ["DROP FUNCTION quicker CASCADE"]
    _execute(issuer, begin)
    try:
        yield
    finally:
        _execute(issuer, end)


def _execute(issuer: Issuer, statements: list[str]) -> None:
    with issuer.store.engines.write.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
