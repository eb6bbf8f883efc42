"""Events go into the log with the change they tell of."""

from __future__ import annotations

import json

import pytest

from auth_server.audit.events import EventName
from auth_server.audit.log import record
from auth_server.store.store import Store
from auth_server.store.transaction import Transaction
from tests.support.clock import FakeClock


def test_an_event_says_what_when_and_whom(store: Store, clock: FakeClock) -> None:
    store.run_blocking(
        lambda tx: record(tx, EventName.SESSION_ENDED, outcome="expired", actor="job", sub="alice", sid="s1", detail={"n": 1})
    )

    ((number, body),) = store.read_blocking(lambda tx: tx.audit_events.since(0, 10))
    assert number == 1
    assert json.loads(body) == {
        "name": "session.ended",
        "outcome": "expired",
        "at": clock.ms,
        "actor": "job",
        "sub": "alice",
        "sid": "s1",
        "detail": {"n": 1},
    }


def test_an_event_of_a_change_that_failed_is_not_in_the_log(store: Store) -> None:
    def fail(tx: Transaction) -> None:
        record(tx, EventName.SESSION_ENDED)
        raise ValueError

    with pytest.raises(ValueError, match=r"^$"):
        store.run_blocking(fail)

    assert store.read_blocking(lambda tx: tx.audit_events.since(0, 10)) == []


def test_event_names_are_unique_words() -> None:
    assert len({name.value for name in EventName}) == len(EventName.__members__)
    assert all(name.value == name.value.lower() and " " not in name.value for name in EventName)
